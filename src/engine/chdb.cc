#include "engine/chdb.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace millrace::engine {
namespace {

// The arrays that the library wants for parameters.
struct ParameterArrays {
  explicit ParameterArrays(const Parameters& parameters) {
    for (const auto& [name, value] : parameters) {
      names.push_back(name.data()), name_sizes.push_back(name.size());
      values.push_back(value.data()), value_sizes.push_back(value.size());
    }
  }
  std::vector<const char*> names, values;
  std::vector<std::size_t> name_sizes, value_sizes;
};

}  // namespace

Result<ChdbAbi> load_chdb(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return unavailable(fmt::format("The engine's library can't be loaded: {}", dlerror()));
  ChdbAbi abi;
  std::string missing;
  auto bind = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr) missing = name;
  };
  bind(abi.version, "chdb_version");
  bind(abi.set_signal_handlers_enabled, "chdb_set_signal_handlers_enabled");
  bind(abi.connect, "chdb_connect");
  bind(abi.close_conn, "chdb_close_conn");
  bind(abi.shutdown, "chdb_shutdown");
  bind(abi.query_with_params_n, "chdb_query_with_params_n");
  bind(abi.stream_query_with_params_n, "chdb_stream_query_with_params_n");
  bind(abi.stream_fetch_result, "chdb_stream_fetch_result");
  bind(abi.stream_cancel_query, "chdb_stream_cancel_query");
  bind(abi.destroy_query_result, "chdb_destroy_query_result");
  bind(abi.stream_insert_with_params_n, "chdb_stream_insert_with_params_n");
  bind(abi.stream_append, "chdb_stream_append");
  bind(abi.stream_done, "chdb_stream_done");
  bind(abi.stream_cancel_insert, "chdb_stream_cancel_insert");
  bind(abi.stream_insert_error, "chdb_stream_insert_error");
  bind(abi.destroy_insert_stream, "chdb_destroy_insert_stream");
  bind(abi.result_buffer, "chdb_result_buffer");
  bind(abi.result_length, "chdb_result_length");
  bind(abi.result_rows_read, "chdb_result_rows_read");
  bind(abi.result_bytes_read, "chdb_result_bytes_read");
  bind(abi.result_storage_rows_read, "chdb_result_storage_rows_read");
  bind(abi.result_storage_bytes_read, "chdb_result_storage_bytes_read");
  bind(abi.result_rows_written, "chdb_result_rows_written");
  bind(abi.result_bytes_written, "chdb_result_bytes_written");
  bind(abi.result_error, "chdb_result_error");
  bind(abi.classify_query_n, "chdb_classify_query_n");
  if (!missing.empty()) {
    return unavailable(fmt::format("{} is not the engine's library: it has no function {}", path, missing));
  }
  return abi;
}

Result<std::unique_ptr<Connection>> Connection::open(const ChdbAbi& abi, const std::vector<std::string>& arguments) {
  std::vector<std::string> copy = {"clickhouse"};
  copy.insert(copy.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : copy) argv.push_back(argument.data());
  ChdbConnectionRef* connection = abi.connect(static_cast<int>(argv.size()), argv.data());
  if (connection == nullptr) return unavailable("The engine refused to open a connection.");
  return std::unique_ptr<Connection>(new Connection(abi, connection));
}

Connection::~Connection() { abi_.close_conn(connection_); }

ResultPtr Connection::query(std::string_view sql, std::string_view format, const Parameters& parameters) {
  ParameterArrays arrays(parameters);
  return {abi_.query_with_params_n(handle(), sql.data(), sql.size(), format.data(), format.size(), arrays.names.data(),
                                   arrays.name_sizes.data(), arrays.values.data(), arrays.value_sizes.data(),
                                   parameters.size()),
          {&abi_}};
}

std::optional<Exception> Connection::execute(std::string_view sql) { return error_of(query(sql, "Null").get()); }

ResultPtr Connection::start_select(std::string_view sql, std::string_view format, const Parameters& parameters) {
  ParameterArrays arrays(parameters);
  return {abi_.stream_query_with_params_n(handle(), sql.data(), sql.size(), format.data(), format.size(),
                                          arrays.names.data(), arrays.name_sizes.data(), arrays.values.data(),
                                          arrays.value_sizes.data(), parameters.size()),
          {&abi_}};
}

InsertPtr Connection::start_insert(std::string_view head, std::string_view format, const Parameters& parameters) {
  ParameterArrays arrays(parameters);
  return {abi_.stream_insert_with_params_n(handle(), head.data(), head.size(), format.data(), format.size(),
                                           arrays.names.data(), arrays.name_sizes.data(), arrays.values.data(),
                                           arrays.value_sizes.data(), parameters.size()),
          {&abi_}};
}

QueryAnalysis Connection::classify(std::string_view sql, std::string_view target_database) {
  QueryAnalysis analysis;
  const char* target = target_database.empty() ? nullptr : target_database.data();
  if (abi_.classify_query_n(handle(), sql.data(), sql.size(), target, target_database.size(), &analysis) !=
      kChdbSuccess) {
    return {};
  }
  return analysis;
}

std::optional<Exception> Connection::error_of(ChdbResultHandle* result) const {
  if (result == nullptr) return parse_exception("The engine gave no answer");
  const char* message = abi_.result_error(result);
  if (message == nullptr) return {};
  return parse_exception(message);
}

std::string_view bytes_of(const ChdbAbi& abi, ChdbResultHandle* result) {
  std::size_t size = abi.result_length(result);
  return size == 0 ? std::string_view() : std::string_view(abi.result_buffer(result), size);
}

}  // namespace millrace::engine
