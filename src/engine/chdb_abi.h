#pragma once
// The part of libchdb's C interface that the engine uses. The library comes without a header; names and layouts are
// those of chdb.h in https://github.com/chdb-io/chdb-core (programs/local/chdb.h), version 26.7.

#include <cstddef>
#include <cstdint>

namespace millrace::engine {

// Opaque: only pointers to them are passed around.
struct ChdbConnectionHandle;  // what chdb_connect returns points to one of these pointers
struct ChdbResultHandle;
struct ChdbInsertHandle;
using ChdbConnectionRef = ChdbConnectionHandle*;

inline constexpr int kChdbSuccess = 0;

// What a statement does to state that outlives it.
enum class QueryClass : std::uint32_t {
  kReadOnly = 0,
  kMutating = 1,        // changes a database
  kMutatingGlobal = 2,  // changes users, functions, named collections, or `system`
  kControl = 3,         // of the session or the server, or writes outside the engine
  kUnknown = 4,         // did not parse
};
inline constexpr std::uint32_t kWritesOnlyTargetDatabase = 1U << 1;

struct QueryAnalysis {
  std::uint32_t struct_size = sizeof(QueryAnalysis);
  std::uint32_t statement_count = 0;
  std::uint32_t flags = 0;
  std::uint32_t query_class = static_cast<std::uint32_t>(QueryClass::kUnknown);
};
static_assert(sizeof(QueryAnalysis) == 16);

// Lengths are in bytes; strings need no zero at their end where a length is passed. The three arrays of a parameterised
// call have one entry a parameter. A result or insert handle is never null, and must be destroyed, also after an error.
struct ChdbAbi {
  const char* (*version)();
  void (*set_signal_handlers_enabled)(int enabled);
  // Null when an argument is refused. Arguments are those of a command line, with the program's name first.
  ChdbConnectionRef* (*connect)(int argc, char** argv);
  void (*close_conn)(ChdbConnectionRef* connection);
  int (*shutdown)();

  // Runs a statement to its end; the whole answer is in the result.
  ChdbResultHandle* (*query_with_params_n)(ChdbConnectionRef, const char* sql, std::size_t sql_size, const char* format,
                                           std::size_t format_size, const char* const* names,
                                           const std::size_t* name_sizes, const char* const* values,
                                           const std::size_t* value_sizes, std::size_t count);
  // Starts a SELECT; stream_fetch_result gives its pieces, an empty one at the end.
  ChdbResultHandle* (*stream_query_with_params_n)(ChdbConnectionRef, const char* sql, std::size_t sql_size,
                                                  const char* format, std::size_t format_size, const char* const* names,
                                                  const std::size_t* name_sizes, const char* const* values,
                                                  const std::size_t* value_sizes, std::size_t count);
  ChdbResultHandle* (*stream_fetch_result)(ChdbConnectionRef, ChdbResultHandle* stream);
  void (*stream_cancel_query)(ChdbConnectionRef, ChdbResultHandle* stream);
  void (*destroy_query_result)(ChdbResultHandle*);

  // An INSERT (without FORMAT clause or data) whose data is appended in pieces. stream_done commits and gives the
  // counts.
  ChdbInsertHandle* (*stream_insert_with_params_n)(ChdbConnectionRef, const char* sql, std::size_t sql_size,
                                                   const char* format, std::size_t format_size,
                                                   const char* const* names, const std::size_t* name_sizes,
                                                   const char* const* values, const std::size_t* value_sizes,
                                                   std::size_t count);
  int (*stream_append)(ChdbInsertHandle*, const void* data, std::size_t size);
  ChdbResultHandle* (*stream_done)(ChdbInsertHandle*);
  void (*stream_cancel_insert)(ChdbInsertHandle*);
  const char* (*stream_insert_error)(ChdbInsertHandle*);
  void (*destroy_insert_stream)(ChdbInsertHandle*);

  char* (*result_buffer)(ChdbResultHandle*);
  std::size_t (*result_length)(ChdbResultHandle*);
  std::uint64_t (*result_rows_read)(ChdbResultHandle*);   // rows of the answer
  std::uint64_t (*result_bytes_read)(ChdbResultHandle*);  // bytes of the answer, in memory
  std::uint64_t (*result_storage_rows_read)(ChdbResultHandle*);
  std::uint64_t (*result_storage_bytes_read)(ChdbResultHandle*);
  std::uint64_t (*result_rows_written)(ChdbResultHandle*);
  std::uint64_t (*result_bytes_written)(ChdbResultHandle*);
  const char* (*result_error)(ChdbResultHandle*);  // null when it went well

  // Parses without running. `target` (may be null) is the database that kWritesOnlyTargetDatabase is judged against.
  int (*classify_query_n)(ChdbConnectionRef, const char* sql, std::size_t sql_size, const char* target,
                          std::size_t target_size, QueryAnalysis* analysis);
};

}  // namespace millrace::engine
