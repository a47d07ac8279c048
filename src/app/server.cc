#include "app/server.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "app/backend.h"
#include "app/dashboards_api.h"
#include "app/health.h"
#include "app/keys_api.h"
#include "app/late.h"
#include "app/no_stream.h"
#include "app/node.h"
#include "app/options.h"
#include "app/page.h"
#include "app/roles.h"
#include "app/router.h"
#include "app/session_api.h"
#include "app/shared_panel.h"
#include "app/stream_kind.h"
#include "app/verify_api.h"
#include "base/log.h"
#include "base/metrics.h"
#include "control/control_log.h"
#include "ingest/topic/topic_ingest.h"
#include "io/clock.h"
#include "io/file.h"
#include "model/project.h"
#include "query/live_api.h"
#include "query/openapi.h"
#include "query/view_feed.h"
#include "query/view_mirror.h"
#include "stream/failed_events.h"
#include "stream/kafka/kafka_source.h"

namespace millrace {
namespace {

void get_openapi(const Principal&, std::unique_ptr<http::Exchange> exchange) {
  http::Response response;
  response.body = openapi_json();
  exchange->reply(std::move(response));
}

bool loopback(const std::string& listen) {
  return listen.starts_with("127.") || listen.starts_with("localhost:") || listen.starts_with("[::1]:") ||
         listen.starts_with("unix:");
}

class WholeServer final : public Server {
 public:
  WholeServer(const Settings& settings, std::string program)
      : settings_(settings), values_(settings_.values()), roles_(roles_of(values_)), program_(std::move(program)) {}
  ~WholeServer() override { stop(0); }

  Result<void> open(const ChosenKeys& chosen);
  std::string address() const override {
    return (values_.http_tls_certificate.empty() ? "http://" : "https://") + http_->address();
  }
  const std::vector<KeyStore::Created>& first_keys() const override { return first_keys_; }
  void stop(std::int64_t drain_ms) override;

 private:
  Result<void> open_folder();
  Result<void> open_keys(const ChosenKeys& chosen);
  Result<void> ensure_key(const char* name, std::uint8_t scopes, const std::string& secret, const char* variable);
  Result<void> make_first_keys();
  Result<void> open_control();
  Result<void> open_stream();
  Result<void> open_mirror();
  Result<void> open_views();
  Result<void> open_door();
  Result<void> open_source();
  Result<void> open_backend();
  void open_questions();
  std::vector<Route> routes();

  const Settings settings_;
  const SettingValues& values_;
  const Roles roles_;
  const std::string program_;
  FileSystem& files_ = posix_file_system();
  Clock& clock_ = system_clock();
  Metrics metrics_;
  std::string data_;
  Node node_;
  bool first_start_ = false;
  std::vector<KeyStore::Created> first_keys_;

  // In the order in which they come up; they go down the other way round.
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<ControlLog> control_;
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<Dashboards> dashboards_;
  std::unique_ptr<FailedEvents> failed_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Views> views_;        // that processors of this server fold
  std::unique_ptr<Views> merged_;       // of all processors; null where the ones above are all that there are
  std::unique_ptr<ViewMirror> mirror_;  // fills them
  LateStore store_;
  std::unique_ptr<LateProgress> local_progress_;  // of the processors of this server
  std::unique_ptr<Progress> no_progress_;         // where it has none
  Progress* progress_ = nullptr;                  // the one of these that holds here
  std::unique_ptr<Health> health_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<IngestApi> ingest_;
  std::unique_ptr<QueryApi> query_;
  std::unique_ptr<LiveApi> live_;
  std::unique_ptr<ViewFeed> feed_;
  std::unique_ptr<KeysApi> keys_api_;
  std::unique_ptr<SessionApi> session_api_;
  std::unique_ptr<DashboardsApi> dashboards_api_;
  std::unique_ptr<SharedPanels> shared_panels_;
  std::unique_ptr<VerifyApi> verify_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<TopicSource> topic_;
  std::unique_ptr<TopicIngest> topic_ingest_;
  bool stopped_ = false;
};

Result<void> WholeServer::open_folder() {
  MR_TRY(files_.make_folders(values_.data));
  data_ = std::filesystem::absolute(values_.data).lexically_normal().string();
  MR_ASSIGN(lock_, files_.lock(data_ + "/LOCK"));
  bool chosen = settings_.origin("stream.partitions") != "default";
  Node wanted;
  wanted.partitions = static_cast<std::uint16_t>(values_.stream_partitions);
  wanted.stream = values_.stream_kind;
  MR_ASSIGN(node_, open_node(files_, data_, wanted, chosen));
  return {};
}

Result<void> WholeServer::make_first_keys() {
  struct First {
    const char* name;
    std::uint8_t scopes;
  };
  for (First first : {First{"first admin key", kScopeAll}, First{"first write key", kScopeWrite},
                      First{"first read key", kScopeRead}}) {
    MR_ASSIGN(KeyStore::Created made, keys_->create(first.name, kOwnProject, first.scopes, kNoTime));
    first_keys_.push_back(std::move(made));
  }
  return {};
}

// A key whose secret somebody chose in a variable.
Result<void> WholeServer::ensure_key(const char* name, std::uint8_t scopes, const std::string& secret,
                                     const char* variable) {
  Result<KeyInfo> ensured = keys_->ensure(name, kOwnProject, scopes, secret);
  if (ensured.ok()) {
    return {};
  }
  if (ensured.error().code == Code::kNotFound) {
    log_warning(fmt::format("{} is passed over", variable), {{"reason", ensured.error().message}});
    return {};
  }
  return Error{ensured.error().code, fmt::format("{}: {}", variable, ensured.error().message)};
}

Result<void> WholeServer::open_keys(const ChosenKeys& chosen) {
  MR_ASSIGN(keys_, KeyStore::open(files_, clock_, data_ + "/control"));
  std::vector<KeyInfo> known = keys_->list();
  bool none = std::all_of(known.begin(), known.end(), [](const KeyInfo& key) { return key.scopes == kScopeFeed; });
  if (none && chosen.bootstrap.empty() && !loopback(values_.listen)) {
    return invalid(
        "this folder has no keys yet; set MILLRACE_BOOTSTRAP_KEY before the first start on an address other than "
        "loopback");
  }
  first_start_ = none && chosen.bootstrap.empty();
  if (!chosen.bootstrap.empty()) {
    MR_TRY(ensure_key("bootstrap", kScopeAll, chosen.bootstrap, "MILLRACE_BOOTSTRAP_KEY"));
  }
  return chosen.feed.empty() ? Result<void>() : ensure_key("feed", kScopeFeed, chosen.feed, "MILLRACE_FEED_KEY");
}

Result<void> WholeServer::open_control() {
  MR_ASSIGN(control_, ControlLog::open(files_, data_ + "/control"));
  sessions_ = std::make_unique<Sessions>(*control_, *keys_, clock_, values_.http_session_age.count() / 1000);
  dashboards_ = std::make_unique<Dashboards>(*control_, clock_);
  return {};
}

Result<void> WholeServer::open_views() {
  ViewLimits limits;
  limits.bytes_max = values_.live_view_memory;
  views_ = std::make_unique<Views>(node_.generation, node_.partitions, limits, declared_fields(values_));
  health_->views(merged_ != nullptr ? *merged_ : *views_, mirror_.get());
  return declare_views(*views_, *control_, values_.views, kOwnProject);
}

Result<void> WholeServer::open_stream() {
  MR_ASSIGN(failed_, FailedEvents::open(files_, data_ + "/failed", values_.ingest_failed_bytes));
  if (roles_.ingest || roles_.process) {
    MR_ASSIGN(stream_, millrace::open_stream(files_, clock_, metrics_, values_, data_, node_));
  } else {
    stream_ = std::make_unique<NoStream>(node_.generation, node_.partitions);
  }
  local_progress_ = std::make_unique<LateProgress>(*stream_, clock_);
  no_progress_ = std::make_unique<NoProgress>();
  progress_ = roles_.process ? static_cast<Progress*>(local_progress_.get()) : no_progress_.get();
  MR_TRY(open_mirror());
  health_ = std::make_unique<Health>(*stream_, *progress_, metrics_, files_, data_, roles_);
  return {};
}

// The views, and how far the partitions are, from processors on other servers (and this one's own, if it is named).
Result<void> WholeServer::open_mirror() {
  if (roles_.processors.empty()) {
    return {};
  }
  ViewLimits limits;
  limits.bytes_max = values_.live_view_memory;
  merged_ = std::make_unique<Views>(node_.generation, node_.partitions, limits, declared_fields(values_));
  MR_TRY(declare_views(*merged_, *control_, values_.views, kOwnProject));
  ViewMirrorOptions options;
  options.processors = roles_.processors;
  options.key = roles_.processors_key;
  MR_ASSIGN(mirror_, ViewMirror::start({*merged_, node_.generation, clock_}, options));
  progress_ = mirror_.get();
  return {};
}

// Those of other roles are answered, too: with the role that they need.
std::vector<Route> WholeServer::routes() {
  std::vector<Route> all;
  auto add = [&](bool here, const char* role, const char* method, const char* path, std::uint8_t scopes, auto* object,
                 auto handle, bool shared = false, bool whole = false) {
    if (!here) {
      return all.push_back({method, path, 0, absent(roles_, role)});
    }
    all.push_back({method, path, scopes,
                   [object, handle](const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
                     (object->*handle)(principal, std::move(exchange));
                   },
                   shared, whole});
  };
  auto query = [&](const char* method, const char* path, std::uint8_t scopes, auto& object, auto handle,
                   bool shared = false) {
    add(roles_.query, "query", method, path, scopes, object.get(), handle, shared);
  };
  auto always = [&](const char* method, const char* path, std::uint8_t scopes, auto& object, auto handle) {
    add(true, "", method, path, scopes, object.get(), handle);
  };
  bool own_views = roles_.query && roles_.process && mirror_ == nullptr;
  bool verifies = verify_ != nullptr;
  add(roles_.ingest, "ingest", "POST", "/v1/events", kScopeWrite, ingest_.get(), &IngestApi::post_events);
  query("GET", "/v1/events", kScopeRead, query_, &QueryApi::get_events);
  always("GET", "/v1/failed", kScopeRead, ingest_, &IngestApi::get_failed);
  query("POST", "/v1/query", kScopeRead, query_, &QueryApi::post_query);
  query("GET", "/v1/query", kScopeRead, query_, &QueryApi::get_query);
  query("GET", "/v1/schema", kScopeRead, query_, &QueryApi::get_schema);
  query("GET", "/v1/live", kScopeRead, live_, &LiveApi::get_live, true);
  query("GET", "/v1/views", kScopeRead, live_, &LiveApi::list_views);
  add(own_views, "query and process", "POST", "/v1/views", kScopeAdmin, live_.get(), &LiveApi::create_view);
  query("GET", "/v1/views/*", kScopeRead, live_, &LiveApi::get_view);
  add(own_views, "query and process", "DELETE", "/v1/views/*", kScopeAdmin, live_.get(), &LiveApi::delete_view);
  always("GET", "/v1/keys", kScopeAdmin, keys_api_, &KeysApi::list);
  always("POST", "/v1/keys", kScopeAdmin, keys_api_, &KeysApi::create);
  always("DELETE", "/v1/keys/*", kScopeAdmin, keys_api_, &KeysApi::revoke);
  add(roles_.process, "process", "GET", "/v1/view-feed", kScopeFeed | kScopeAdmin, feed_.get(), &ViewFeed::get_feed,
      false, true);
  add(verifies, "process", "GET", "/v1/verify", kScopeAdmin, verify_.get(), &VerifyApi::get_verify, false, true);
  always("GET", "/v1/health", kScopeRead, health_, &Health::get_health);
  all.push_back({"GET", "/v1/openapi.json", 0, get_openapi});
  always("GET", "/metrics", 0, health_, &Health::get_metrics);
  always("GET", "/healthz", 0, health_, &Health::get_healthz);
  always("GET", "/readyz", 0, health_, &Health::get_readyz);
  query("POST", "/v1/session", 0, session_api_, &SessionApi::open);
  query("GET", "/v1/session", kScopeRead, session_api_, &SessionApi::show);
  query("DELETE", "/v1/session", kScopeRead, session_api_, &SessionApi::close);
  query("GET", "/v1/dashboards", kScopeRead, dashboards_api_, &DashboardsApi::list);
  query("GET", "/v1/dashboards/*", kScopeRead, dashboards_api_, &DashboardsApi::show);
  query("PUT", "/v1/dashboards/*", kScopeRead, dashboards_api_, &DashboardsApi::save);
  query("DELETE", "/v1/dashboards/*", kScopeRead, dashboards_api_, &DashboardsApi::remove);
  query("POST", "/v1/dashboards/*/share", kScopeRead, dashboards_api_, &DashboardsApi::share);
  query("DELETE", "/v1/dashboards/*/share", kScopeRead, dashboards_api_, &DashboardsApi::unshare);
  query("GET", "/v1/shared/*", 0, dashboards_api_, &DashboardsApi::show_shared);
  query("GET", "/v1/shared/*/*", 0, shared_panels_, &SharedPanels::answer);
  for (Route& route : page_routes()) {
    route.handler = roles_.query ? std::move(route.handler) : absent(roles_, "query");
    all.push_back(std::move(route));
  }
  return all;
}

// Engine or store, and the processors, where the roles need them.
Result<void> WholeServer::open_backend() {
  if (!roles_.process && !roles_.query) {
    health_->store_trouble("this server has no role that uses the store");
    return {};
  }
  MR_TRY(check_store(values_));
  if (values_.store_url.empty()) {
    MR_TRY(engine_options(values_, data_,
                          program_));  // a library that is missing is an error now, not a store that never comes
  }
  backend_ = std::make_unique<Backend>(BackendParts{values_, roles_, data_, program_, *stream_, *failed_, files_,
                                                    clock_, metrics_, *health_, store_, *local_progress_, *views_});
  return {};
}

void WholeServer::open_questions() {
  query_ = std::make_unique<QueryApi>(store_, *progress_, *stream_, clock_, metrics_, query_limits(values_));
  LiveParts live{merged_ != nullptr ? *merged_ : *views_,
                 *control_,
                 store_,
                 clock_,
                 metrics_,
                 [this] { return health_->describe(); },
                 [this](const http::Head& head) { return router_->admits(head); },
                 query_limits(values_).budget,
                 {},
                 mirror_ == nullptr && roles_.process};
  if (mirror_ != nullptr) {
    live.trouble = [this](const ViewSpec& view) { return mirror_->trouble(view); };
  }
  live_ = std::make_unique<LiveApi>(live, live_limits(values_));
  session_api_ = std::make_unique<SessionApi>(*keys_, *sessions_, !values_.http_tls_certificate.empty());
  dashboards_api_ = std::make_unique<DashboardsApi>(*dashboards_);
  shared_panels_ = std::make_unique<SharedPanels>(*dashboards_, *query_);
}

Result<void> WholeServer::open_door() {
  ingest_ = std::make_unique<IngestApi>(*stream_, *failed_, clock_, metrics_, ingest_limits(values_));
  keys_api_ = std::make_unique<KeysApi>(*keys_);
  if (roles_.query) {
    open_questions();
  }
  if (roles_.process) {
    ProcessorOptions processor = processor_options(values_, data_);
    verify_ = std::make_unique<VerifyApi>(*backend_, *stream_, files_, *local_progress_, live_.get(),
                                          VerifyOptions{PartitionId(0), processor.folder, 1'000'000, processor.ids},
                                          !roles_.group.empty());
  }
  ViewFeedParts feed{*views_, *local_progress_, stream_->generation(), clock_,
                     [this](const http::Head& head) { return router_->admits(head); }};
  feed_ = std::make_unique<ViewFeed>(feed, ViewFeedLimits());
  router_ = std::make_unique<Router>(Doors{*keys_, *sessions_, *dashboards_}, routes());
  http::TlsFiles tls{values_.http_tls_certificate, values_.http_tls_key};
  MR_ASSIGN(http_, http::Server::start(
                       values_.listen, http_threads(values_), http_limits(values_), tls, metrics_,
                       [this](std::unique_ptr<http::Exchange> exchange) { router_->handle(std::move(exchange)); }));
  return {};
}

Result<void> WholeServer::open_source() {
  if (values_.source_kafka_topic.empty()) {
    return {};
  }
  MR_ASSIGN(topic_, open_topic_source(source_options(values_)));
  IngestLimits limits = ingest_limits(values_);
  TopicIngestOptions options;
  options.topic = values_.source_kafka_topic;
  options.project = kOwnProject;
  options.folder = data_ + "/source";
  options.limits = {limits.event_bytes_max, limits.batch_events_max};
  MR_ASSIGN(topic_ingest_, TopicIngest::open({*topic_, *stream_, *failed_, files_, clock_, metrics_}, options));
  topic_ingest_->start();
  return {};
}

Result<void> WholeServer::open(const ChosenKeys& chosen) {
  MR_TRY(open_folder());
  MR_TRY(open_keys(chosen));
  MR_TRY(open_control());
  MR_TRY(open_stream());
  MR_TRY(open_views());
  MR_TRY(open_backend());
  MR_TRY(open_door());
  MR_TRY(open_source());
  // Last of all: they are shown once, by who comes back from here.
  return first_start_ ? make_first_keys() : Result<void>();
}

void WholeServer::stop(std::int64_t drain_ms) {
  if (stopped_) {
    return;
  }
  stopped_ = true;
  if (health_ != nullptr) {
    health_->draining();
  }
  if (live_ != nullptr) {
    live_->stop();
  }
  if (feed_ != nullptr) {
    feed_->stop();
  }
  if (mirror_ != nullptr) {
    mirror_->stop();
  }
  if (http_ != nullptr) {
    http_->stop(std::min<std::int64_t>(drain_ms, 5'000));
  }
  if (topic_ingest_ != nullptr) {
    topic_ingest_->quit();
  }
  verify_.reset();
  live_.reset();
  query_.reset();
  if (stream_ != nullptr) {
    stream_->stop();
  }
  topic_ingest_.reset();  // once the stream has told it all
  if (backend_ != nullptr) {
    backend_->stop(drain_ms);
    backend_.reset();
  }
  if (failed_ != nullptr) {
    if (Result<void> synced = failed_->sync(); !synced.ok()) {
      log_error("the newest failed events may be lost", {{"reason", synced.error().message}});
    }
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const Settings& settings, const std::string& program,
                                              const ChosenKeys& chosen) {
  auto server = std::make_unique<WholeServer>(settings, program);
  MR_TRY(server->open(chosen));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace millrace
