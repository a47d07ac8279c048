#include "app/verify_api.h"

#include "base/json.h"
#include "process/shared_folder.h"

namespace millrace {
namespace {

constexpr std::int64_t kStoredMsMax = 60'000;

void write_report(JsonWriter& json, const VerifyReport& report) {
  json.begin_object().key("partition").unsigned_integer(report.partition.value);
  json.key("from").unsigned_integer(report.from.value).key("until").unsigned_integer(report.until.value);
  json.key("missing").unsigned_integer(report.missing).key("equal").boolean(report.equal).key("remarks").begin_array();
  for (const std::string& remark : report.remarks) {
    json.string(remark);
  }
  json.end_array().key("ranges").begin_array();
  for (const VerifyRange& range : report.ranges) {
    json.begin_object().key("begin").unsigned_integer(range.places.begin.value);
    json.key("end").unsigned_integer(range.places.end.value).key("day").string(range.day);
    json.key("log_rows").unsigned_integer(range.log_rows).key("store_rows").unsigned_integer(range.store_rows);
    json.key("damaged").unsigned_integer(range.damaged).key("equal").boolean(range.equal).end_object();
  }
  json.end_array().end_object();
}

}  // namespace

std::string verify_report_json(const std::vector<VerifyReport>& reports, const std::string& views) {
  bool equal = views.find(R"("equal":false)") == std::string::npos;
  for (const VerifyReport& report : reports) {
    equal = equal && report.equal;
  }
  JsonWriter json;
  json.begin_object().key("equal").boolean(equal).key("partitions").begin_array();
  for (const VerifyReport& report : reports) {
    write_report(json, report);
  }
  json.end_array().key("views");
  views.empty() ? json.null() : json.raw(views);
  return json.end_object().take();
}

bool VerifyApi::wait_until_stored() {
  bool stored = true;
  for (const PartitionProgress& one : progress_.partitions()) {
    stored = stored && progress_.wait_stored(one.partition, stream_.state(one.partition).durable_end, kStoredMsMax);
  }
  return stored;
}

Result<VerifyReport> VerifyApi::verify_one(ClickHouseStore& store, const VerifyOptions& options) {
  if (!shared_) {
    return verify_partition(stream_, store, files_, options);
  }
  SharedFolder folder(store, files_, options.folder, options.partition);
  MR_ASSIGN(Takeover owner, store.owner(options.partition));
  MR_TRY(folder.open(owner));
  return verify_partition(stream_, store, folder, options);
}

http::Response VerifyApi::verify() {
  Result<std::unique_ptr<ClickHouseStore>> store = backend_.open_store();
  std::vector<VerifyReport> reports;
  Error error;
  bool ok = store.ok();
  if (!ok) {
    error = store.error();
  }
  for (const PartitionProgress& partition : progress_.partitions()) {  // others have the others
    if (!ok) {
      break;
    }
    VerifyOptions options = options_;
    options.partition = partition.partition;
    Result<VerifyReport> report = verify_one(**store, options);
    ok = report.ok();
    if (ok) {
      reports.push_back(std::move(*report));
    } else {
      error = report.error();
    }
  }
  Result<std::string> views = std::string();
  if (live_ != nullptr) {
    views = live_->verify_views([this] { return wait_until_stored(); });
  }
  if (ok && !views.ok()) {
    ok = false;
    error = views.error();
  }
  if (!ok) {
    return http::problem(503, "unavailable", "The log can't be compared with the store", error.message);
  }
  http::Response response;
  response.body = verify_report_json(reports, *views);
  return response;
}

void VerifyApi::get_verify(const Principal&, std::unique_ptr<http::Exchange> exchange) {
  std::lock_guard lock(mutex_);
  if (busy_.exchange(true)) {
    http::Response busy =
        http::problem(429, "too-many-requests", "A verification is under way", "Try again when it has ended.");
    busy.headers.emplace_back("Retry-After", "5");
    return exchange->reply(std::move(busy));
  }
  thread_.reset();
  // A std::function must be copyable, and an exchange isn't.
  auto shared = std::make_shared<std::unique_ptr<http::Exchange>>(std::move(exchange));
  thread_ = std::make_unique<Thread>("verify", [this, shared] {
    (*shared)->reply(verify());
    busy_ = false;
  });
}

}  // namespace millrace
