#include "app/verify_offline.h"

#include <filesystem>

#include "app/options.h"
#include "app/roles.h"
#include "app/store_place.h"
#include "app/stream_kind.h"
#include "app/verify_api.h"
#include "io/clock.h"
#include "process/shared_folder.h"
#include "stream/kafka/kafka_stream.h"

namespace millrace {
namespace {

constexpr TimeNs kReadNsMax = 600'000'000'000;

// A partition whose processor may be at work anywhere: what that knows lies in the store.
Result<VerifyReport> verify_shared(Stream& stream, ClickHouseStore& store, FileSystem& files,
                                   const VerifyOptions& options) {
  SharedFolder folder(store, files, options.folder, options.partition);
  MR_ASSIGN(Takeover owner, store.owner(options.partition));
  MR_TRY(folder.open(owner));
  MR_ASSIGN(std::string places, folder.places());
  TimeNs deadline = system_clock().monotonic() + kReadNsMax;
  for (bool read = false; !read;) {
    MR_ASSIGN(read, stream.attend(options.partition, places));
    if (!read && system_clock().monotonic() > deadline) {
      return unavailable("the topic can't be read to its end");
    }
  }
  return verify_partition(stream, store, folder, options);
}

}  // namespace

Result<OfflineReport> verify_offline(const Settings& settings, const std::string& program) {
  FileSystem& files = posix_file_system();
  const SettingValues& values = settings.values();
  std::string data = std::filesystem::absolute(values.data).lexically_normal().string();
  if (!std::filesystem::exists(data + "/node.json")) {
    return not_found(data + " is no data folder of Millrace");
  }
  MR_ASSIGN(std::unique_ptr<FileLock> lock, files.lock(data + "/LOCK"));
  Node wanted;
  wanted.stream = values.stream_kind;
  MR_ASSIGN(Node node, open_node(files, data, wanted, false));
  OfflineReport report;
  if (node.stream == "log") {
    MR_ASSIGN(report.log, verify_log(files, data + "/log", node.generation));
  }

  Metrics metrics;
  MR_ASSIGN(StorePlace place, open_store_place(values.store_url, values, data, program, metrics));
  ClickHouseOptions options;
  set_store(options, values);
  options.generation = node.generation;
  options.declared = declared_properties(values);
  if (engine::Supervisor* engine = place.engine.get(); engine != nullptr) {
    options.url = "unix:" + engine->socket_path();
    options.user = engine->user();
    options.password = engine->secret();
    options.restart_engine = [engine] { return engine->restart(); };
    options.flush_disk = [engine] { return engine->flush(); };
  }
  MR_ASSIGN(std::unique_ptr<ClickHouseStore> store, ClickHouseStore::open(std::move(options), metrics));
  std::unique_ptr<Stream> stream;
  if (node.stream == "kafka") {
    MR_ASSIGN(stream, open_kafka_stream(files, system_clock(), metrics, kafka_options(values, data, node)));
  } else {
    MR_ASSIGN(stream, open_log_stream(files, system_clock(), metrics, log_options(values, data, node)));
  }
  bool shared = !roles_of(values).group.empty();
  std::vector<VerifyReport> reports;
  report.equal = true;
  for (std::uint16_t i = 0; i < node.partitions; ++i) {
    VerifyOptions verify;
    verify.partition = PartitionId(i);
    verify.folder = data + "/process";
    verify.ids = processor_options(values, data).ids;
    MR_ASSIGN(VerifyReport one, shared ? verify_shared(*stream, *store, files, verify)
                                       : verify_partition(*stream, *store, files, verify));
    report.equal = report.equal && one.equal;
    reports.push_back(std::move(one));
  }
  stream->stop();
  report.store_json = verify_report_json(reports, {});
  return report;
}

}  // namespace millrace
