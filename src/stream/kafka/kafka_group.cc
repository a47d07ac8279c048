#include "stream/kafka/kafka_group.h"

#include <atomic>

#include <fmt/format.h>

#include "base/log.h"
#include "io/thread.h"
#include "stream/kafka/client.h"

namespace millrace {
namespace {

constexpr int kPollMs = 100;

class KafkaGroup final : public PartitionGroup {
 public:
  explicit KafkaGroup(GroupCalls calls) : calls_(std::move(calls)) {}
  ~KafkaGroup() override;
  Result<void> join(const KafkaClientOptions& options, const std::string& group);

 private:
  static void rebalance(rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
                        void* self) {
    static_cast<KafkaGroup*>(self)->change(what, partitions);
  }
  void change(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions);
  void poll();

  const GroupCalls calls_;
  kafka::Owned<rd_kafka_t> member_;
  std::atomic<bool> quit_ = false;
  std::unique_ptr<Thread> thread_;
};

Result<void> KafkaGroup::join(const KafkaClientOptions& options, const std::string& group) {
  MR_ASSIGN(member_, kafka::open_member(options, group, rebalance, this));
  kafka::Owned<rd_kafka_topic_partition_list_t> topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options.topic.c_str(), RD_KAFKA_PARTITION_UA);
  rd_kafka_resp_err_t subscribed = rd_kafka_subscribe(member_.get(), topics.get());
  if (subscribed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return unavailable(fmt::format("the group {} can't be joined: {}", group, kafka::text_of(subscribed)));
  }
  thread_ = std::make_unique<Thread>("kafka-group", [this] { poll(); });
  return {};
}

KafkaGroup::~KafkaGroup() {
  quit_ = true;
  thread_.reset();
}

void KafkaGroup::poll() {
  while (!quit_) {
    // Partitions are paused: what comes is an error that the client gets over.
    kafka::Owned<rd_kafka_message_t> message(rd_kafka_consumer_poll(member_.get(), kPollMs));
  }
  rd_kafka_consumer_close(member_.get());
}

void KafkaGroup::change(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions) {
  std::vector<PartitionId> ids;
  for (int i = 0; i < partitions->cnt; ++i) {
    partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    ids.emplace_back(static_cast<std::uint16_t>(partitions->elems[i].partition));
  }
  kafka::Owned<rd_kafka_error_t> error;
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    error.reset(rd_kafka_incremental_assign(member_.get(), partitions));
    rd_kafka_pause_partitions(member_.get(), partitions);
    for (PartitionId id : ids) {
      log_info("a partition is to be processed here", {{"partition", id.value}});
      calls_.begin(id);
    }
  } else {
    bool lost = rd_kafka_assignment_lost(member_.get()) != 0;
    for (PartitionId id : ids) {
      log_info("a partition goes to another server", {{"partition", id.value}, {"lost", lost}});
    }
    calls_.end(ids, lost);
    error.reset(rd_kafka_incremental_unassign(member_.get(), partitions));
  }
  if (error != nullptr) {
    log_warning("the group's change can't be followed", {{"reason", std::string(rd_kafka_error_string(error.get()))}});
  }
}

}  // namespace

Result<std::unique_ptr<PartitionGroup>> join_kafka_group(const KafkaClientOptions& options, const std::string& group,
                                                         GroupCalls calls) {
  auto joined = std::make_unique<KafkaGroup>(std::move(calls));
  MR_TRY(joined->join(options, group));
  return std::unique_ptr<PartitionGroup>(std::move(joined));
}

}  // namespace millrace
