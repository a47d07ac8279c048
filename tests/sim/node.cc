#include "node.h"

#include <utility>

#include "process/checkpoint.h"

namespace millrace {

constexpr const char* kData = "/data";

// A request whose body has come whole. Nobody hears what a dead process says.
class NodeExchange final : public http::Exchange {
 public:
  NodeExchange(const Node& node, http::Head head, std::string body, std::function<void(const http::Response&)> told)
      : node_(node), head_(std::move(head)), body_(std::move(body)), body_bytes_(body_.size()), told_(std::move(told)) {
    body_.append(http::kBodyPaddingBytes, '\0');
  }
  const http::Head& head() const override { return head_; }
  void reply(http::Response response) override {
    body_.assign(body_.size(), '!');  // nobody may look at it any more
    if (node_.alive_) {
      told_(response);
    }
  }
  Result<std::string_view> read() override { return unavailable("not simulated"); }
  Result<void> begin(int, std::vector<std::pair<std::string, std::string>>) override { return unavailable("no"); }
  Result<void> write(std::string_view) override { return unavailable("not simulated"); }
  Result<void> end() override { return unavailable("not simulated"); }
  bool abandoned() override { return false; }

 protected:
  void start_body(std::unique_ptr<Exchange> self, std::size_t bytes_max, BodyHandler next) override {
    if (body_bytes_ <= bytes_max) {
      next(std::move(self), std::string_view(body_).substr(0, body_bytes_));
    }
  }

 private:
  const Node& node_;
  const http::Head head_;
  std::string body_;
  const std::size_t body_bytes_;
  const std::function<void(const http::Response&)> told_;
};

Node::Node(std::uint64_t node_number, SimDisk& disk, MemoryStore& store, Clock& clock, NodeOptions options)
    : number(node_number), files(disk), store_(store), clock_(clock), options_(std::move(options)) {
  options_.log.folder = std::string(kData) + "/log";
  options_.processor.folder = std::string(kData) + "/process";
}

Node::~Node() {
  alive_ = false;
  processors_.clear();
  log_.reset();
}

Result<void> Node::start() {
  MR_TRY(files.make_folders(kData));
  MR_ASSIGN(lock_, files.lock(std::string(kData) + "/LOCK"));
  MR_ASSIGN(failed_, FailedEvents::open_without_thread(files, std::string(kData) + "/failed", 64 << 20));
  MR_TRY(open_log());
  ingest_ = std::make_unique<IngestApi>(*log_, *failed_, clock_, metrics, options_.ingest);
  views_ = sim_views(options_.log.partitions);
  for (std::uint16_t i = 0; i < options_.log.partitions; ++i) {
    SimConnection& store = *connections_.emplace_back(std::make_unique<SimConnection>(store_));
    options_.processor.partition = PartitionId(i);
    ProcessorParts parts{*log_, store, *failed_, files, metrics, views_.get()};
    processors_.push_back(std::make_unique<Processor>(parts, options_.processor));
  }
  return {};
}

Result<void> Node::open_log() {
  LogOptions log = options_.log;
  for (std::uint16_t i = 0; i < log.partitions; ++i) {
    Result<Checkpoint> checkpoint = load_checkpoint(files, options_.processor.folder, log.generation, PartitionId(i));
    if (!checkpoint.ok() && checkpoint.error().code != Code::kNotFound) {
      return checkpoint.error();
    }
    log.durable_at_least.push_back(checkpoint.ok() ? checkpoint->counts.position : SequenceNumber(0));
  }
  MR_ASSIGN(log_, open_stepped_log(files, clock_, metrics, log));
  return {};
}

void Node::post(std::string body, const std::string& idempotency_key, bool lines,
                std::function<void(const http::Response&)> told) {
  http::Head head;
  head.method = "POST";
  head.path = "/v1/events";
  head.content_length = static_cast<std::int64_t>(body.size());
  head.headers.emplace_back("Content-Type", lines ? "application/x-ndjson" : "application/json");
  if (!idempotency_key.empty()) {
    head.headers.emplace_back("Idempotency-Key", idempotency_key);
  }
  ingest_->post_events(Principal{"p", 0, {}},
                       std::make_unique<NodeExchange>(*this, std::move(head), std::move(body), std::move(told)));
}

}  // namespace millrace
