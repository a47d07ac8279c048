#pragma once
// One partition of the topic, as writers, readers and the watch share it: what was sent and isn't told yet, and the
// index, which says what lies in the topic.
//
// A message counts once the index has it: the delivery report names its offset, and when that is the index's end, all
// before it are known and it is counted at once. When others lie in between (another writer's, or one that was sent
// twice), the topic is read up to it.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stream/kafka/partition_index.h"
#include "stream/stream.h"

namespace millrace::kafka {

// Listeners are told without any lock held.
struct Told {
  AppendListener* listener;
  PartitionId partition;
  Result<SequenceRange> result;
};

// Safe from any thread.
class TopicPartition {
 public:
  // `shared`: others write to it and read it. What is delivered is told at once, without its place.
  TopicPartition(Generation generation, PartitionId id, std::uint64_t producer, PartitionIndex index, bool shared)
      : generation_(generation), id_(id), producer_(producer), shared_(shared), index_(std::move(index)) {}

  // ---- writing ----

  using Send = std::function<Result<void>(const MessageInfo& info, std::size_t message, std::uint64_t ticket)>;
  // Messages of one batch, each told on its own. Calls `send` for one after the other under this partition's lock, so
  // that they go out in the order in which they are taken; after an error of it that one and those behind it were not
  // taken: `taken` says how many were. Under the name and the numbers that follow it; null: the next ones of this
  // process, in that format.
  Result<void> take(std::span<const Append> messages, MessageFormat format, const MessageName* name, TimeNs now,
                    const Send& send, std::size_t& taken);
  // What became of the message with that ticket: its offset (-1: nobody knows), or why it failed. Those that are to be
  // told are added to `told`. One that lay in the topic before is told an empty range.
  void delivered(std::uint64_t ticket, const Result<std::int64_t>& offset, std::vector<Told>& told);
  // Nothing is taken from now on.
  void close(const Error& why);
  // Everything that waits has failed.
  void fail(const Error& why, std::vector<Told>& told);
  std::optional<TimeNs> oldest_waiting();  // monotonic time when it was taken
  std::size_t take_freed_bytes();          // of batches that were told since the last call

  // ---- reading the topic ----

  // The message at an offset, in order; what the index has already is passed over. False when it was passed over for
  // good: sent twice, or not ours.
  // `value` is kept for readers, when it has one and this partition is attended to.
  bool found(std::int64_t offset, const std::optional<MessageInfo>& info, std::uint64_t bytes, std::vector<Told>& told,
             std::string_view value = {});
  std::int64_t end_offset();
  bool must_be_read();  // somebody waits for what lies between the index's end and a message of ours

  // ---- the index ----

  PartitionState state();
  struct Window {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };
  Window window();  // of offsets
  bool repeated(std::int64_t offset);
  struct Kept {
    std::int64_t offset = 0;
    SequenceRange range;
    TimeNs received = 0;
    MessageFormat format = MessageFormat::kPacked;
    std::shared_ptr<const std::string> value;  // shared: a reader holds it while it is forgotten here
  };
  // The first message that counts at or behind `offset`, when all from there on are kept; else it must be fetched.
  // Without a value, and with the last offset that is known: there is none.
  std::optional<Kept> kept(std::int64_t offset);
  std::uint64_t next_number(std::uint64_t producer);
  bool of_generation(const MessageInfo& info) const { return info.generation == generation_; }
  PartitionIndex::Anchor before(SequenceNumber from);
  PartitionIndex::Anchor before_time(TimeNs at);
  PartitionIndex::Anchor give_up_until(TimeNs received_until, std::uint64_t bytes_max);
  Result<void> drop_before(std::int64_t offset);
  std::string encode();
  // Where several servers share the topic it holds a while later only: who takes the partition over at the moment may
  // need what lies before.
  void release(SequenceNumber until, TimeNs now);
  // From now on it is read and counted on from there; nothing is known any longer.
  void attend(PartitionIndex index, std::size_t kept_bytes_max);
  void leave();
  bool attended();
  // True when the index has everything before `offset`; waits for that, a while.
  bool wait_for_offset(std::int64_t offset, std::int64_t timeout_ms);

  // Returns when the end is past `beyond`, after so long, or after wake().
  void wait_for(SequenceNumber beyond, std::int64_t timeout_ms);
  void wake();

 private:
  struct Waiting {
    AppendListener* listener = nullptr;
    MessageInfo info;
    std::size_t bytes = 0;
    TimeNs since = 0;
    bool delivered = false;
    std::optional<SequenceRange> range;  // the index has it
  };
  using Place = std::map<std::uint64_t, Waiting>::iterator;
  using Name = std::pair<std::uint64_t, std::uint64_t>;  // producer and number

  void tell(Place place, Result<SequenceRange> result, std::vector<Told>& told);
  void count_delivered(std::vector<Told>& told);
  void keep(Kept message);
  void found_waiting(Place place, std::optional<SequenceRange> range, std::vector<Told>& told);
  SequenceRange nowhere() const;

  const Generation generation_;
  const PartitionId id_;
  const std::uint64_t producer_;
  const bool shared_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable grown_;
  PartitionIndex index_;
  std::uint64_t next_number_ = 0;
  std::uint64_t next_ticket_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;         // by ticket
  std::map<Name, std::uint64_t> tickets_;            // of those that wait
  std::map<std::int64_t, std::uint64_t> delivered_;  // offset and ticket of those that the index has not yet
  std::size_t sought_ = 0;                           // delivered, at an offset that nobody knows
  std::size_t freed_bytes_ = 0;
  SequenceNumber released_;
  SequenceNumber releasing_;  // of a shared topic: said at releasing_since_
  TimeNs releasing_since_ = 0;
  std::deque<Kept> kept_;       // the newest, all from kept_from_ on
  std::int64_t kept_from_ = 0;  // an offset
  std::size_t kept_bytes_ = 0;
  std::size_t kept_bytes_max_ = 0;
  std::optional<Error> closed_;
  bool awake_ = false;
  bool attended_ = false;
};

}  // namespace millrace::kafka
