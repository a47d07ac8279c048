#include "stream/log/log_stream.h"

#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "stream/log/housekeeping.h"
#include "stream/log/log_reader.h"
#include "stream/log/log_writer.h"
#include "stream/log/recovery.h"

namespace millrace {
namespace {

constexpr std::uint64_t kSegmentBytesMin = 16 << 10;
constexpr std::uint64_t kSegmentBytesMax = 1ULL << 30;
constexpr std::uint16_t kPartitionsMax = 256;

std::string generation_folder(const LogOptions& options) {
  return fmt::format("{}/g{}", options.folder, options.generation.value);
}

Result<void> check_options(const LogOptions& options) {
  if (options.partitions < 1 || options.partitions > kPartitionsMax) {
    return invalid(fmt::format("stream.partitions is {}; it must be 1 to {}", options.partitions, kPartitionsMax));
  }
  if (options.segment_bytes < kSegmentBytesMin || options.segment_bytes > kSegmentBytesMax ||
      options.segment_bytes % kSegmentHeaderBytes != 0) {
    return invalid(fmt::format("stream.segment_bytes is {}; it must be 16 KiB to 1 GiB and a multiple of 4 KiB",
                               options.segment_bytes));
  }
  return {};
}

Result<void> begin_generation(FileSystem& files, const LogOptions& options, const std::string& path,
                              const std::string& content) {
  std::string folder = generation_folder(options);
  MR_TRY(files.make_folders(folder));
  MR_ASSIGN(std::vector<std::string> names, files.list(folder));
  for (const std::string& name : names) {
    if (name.starts_with("p") && name != "partitions.tmp") {
      return corrupt(path +
                     " is missing, but there are partitions beside it: put the file back, it holds their number");
    }
  }
  MR_TRY(files.sync_folder(options.folder + "/.."));
  MR_TRY(files.sync_folder(options.folder));
  return replace_file(files, path, content);
}

// The number of partitions is written once, when a generation begins: places of events would mean something else.
Result<void> check_partitions(FileSystem& files, const LogOptions& options) {
  std::string path = generation_folder(options) + "/partitions";
  std::string wanted = fmt::format("{}\n", options.partitions);
  Result<std::string> found = read_file(files, path, 64);
  if (!found.ok() && found.error().code == Code::kNotFound) {
    return begin_generation(files, options, path, wanted);
  }
  if (!found.ok()) {
    return found.error();
  }
  if (*found != wanted) {
    std::string number = found->substr(0, found->find('\n'));
    return invalid(
        fmt::format("the log in {} has {} partitions, stream.partitions says {}: set it to {}, or begin with "
                    "another data folder",
                    options.folder, number, options.partitions, number));
  }
  return {};
}

// All that belongs to one partition. Not moved: its parts refer to each other.
struct LogPartition {
  LogPartition(FileSystem& files, Metrics& metrics, PartitionId partition_id, std::string partition_folder)
      : id(partition_id), folder(std::move(partition_folder)), damage(files, metrics, folder) {}

  const PartitionId id;
  const std::string folder;
  DamageLog damage;
  SegmentList list;
  SpareSlot spares;
  std::optional<LogWriter> writer;
};

class LogStream final : public SteppedLog {
 public:
  LogStream(FileSystem& files, Clock& clock, Metrics& metrics, const LogOptions& options)
      : files_(files),
        clock_(clock),
        metrics_(metrics),
        options_(options),
        status_(metrics, options.waiting_bytes_max) {}

  ~LogStream() override {
    if (threads_) {
      stop();
    }
  }

  Result<void> open() {
    std::vector<HouseholdPart> household;
    std::vector<RecoveredPartition> recovered;
    for (std::uint16_t i = 0; i < options_.partitions; ++i) {
      MR_ASSIGN(RecoveredPartition found, recover(PartitionId(i)));
      LogPartition& partition = *partitions_.back();
      household.push_back({partition.list, partition.spares, partition.folder, found.next_id, found.recycled});
      recovered.push_back(std::move(found));
    }
    housekeeping_.emplace(files_, clock_, metrics_, status_, options_, std::move(household));
    for (std::uint16_t i = 0; i < options_.partitions; ++i) {
      LogPartition& partition = *partitions_[i];
      partition.writer.emplace(
          WriterContext{files_, clock_, metrics_, status_, partition.list, partition.spares,
                        [this] { housekeeping_->wake(); }, options_.generation, partition.id, partition.folder},
          recovered[i].end, recovered[i].newest_received);
    }
    return {};
  }

  void start_threads() {
    threads_ = true;
    housekeeping_->start();
    for (std::unique_ptr<LogPartition>& partition : partitions_) {
      partition->writer->start();
    }
  }

  WriterStep step_writer(PartitionId partition) override { return at(partition).writer->step(); }
  bool step_housekeeping() override { return housekeeping_->step(); }

  Generation generation() const override { return options_.generation; }
  std::uint16_t partitions() const override { return options_.partitions; }

  Result<void> append(const Append& batch) override { return at(batch.partition).writer->append(batch); }

  std::int64_t waiting_ms() override {
    std::int64_t longest = 0;
    for (const std::unique_ptr<LogPartition>& partition : partitions_) {
      longest = std::max(longest, partition->writer->waiting_ms());
    }
    return longest;
  }

  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return std::unique_ptr<StreamReader>(std::make_unique<LogReader>(reader_context(partition), from));
  }

  PartitionState state(PartitionId partition) override { return at(partition).list.state(); }

  SequenceNumber first_at(PartitionId partition, TimeNs time) override {
    SegmentList& list = at(partition).list;
    Result<SegmentView> view = list.locate_time(time);
    if (!view.ok()) {
      return list.state().durable_end;
    }
    // What the sparse index leaves open is read: 256 KB, mostly.
    LogReader reader(reader_context(partition), view->first);
    Result<SequenceNumber> near = reader.skip_before(time);
    return near.ok() ? *near : view->first;
  }

  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    at(partition).list.wait_for(beyond, timeout_ms);
  }
  void release(PartitionId partition, SequenceNumber until) override { at(partition).list.release(until); }
  Result<void> health() override { return status_.check(); }

  void stop() override {
    for (std::unique_ptr<LogPartition>& partition : partitions_) {
      partition->writer->stop();
      partition->list.wake_all();
    }
    housekeeping_->stop();
    if (!threads_) {
      step_to_the_end();
    }
  }

 private:
  LogPartition& at(PartitionId partition) {
    MR_CHECK(partition.value < partitions_.size());
    return *partitions_[partition.value];
  }

  void step_to_the_end() {
    for (std::unique_ptr<LogPartition>& partition : partitions_) {
      for (WriterStep step = WriterStep::kAgain; step != WriterStep::kClosed; step = partition->writer->step()) {
        if (step == WriterStep::kNoSpare) {
          housekeeping_->step();
        }
      }
    }
    housekeeping_->begin_last_round();
    while (housekeeping_->step()) {
    }
  }

  ReaderContext reader_context(PartitionId id) {
    LogPartition& partition = at(id);
    return {files_, partition.list, partition.damage, options_.generation, id, partition.folder};
  }

  Result<RecoveredPartition> recover(PartitionId id) {
    std::string folder = fmt::format("{}/p{}", generation_folder(options_), id.value);
    MR_TRY(files_.make_folders(folder));
    MR_TRY(files_.sync_folder(generation_folder(options_)));
    LogPartition& partition = *partitions_.emplace_back(std::make_unique<LogPartition>(files_, metrics_, id, folder));
    SequenceNumber known =
        id.value < options_.durable_at_least.size() ? options_.durable_at_least[id.value] : SequenceNumber(0);
    MR_ASSIGN(RecoveredPartition found, recover_partition({files_, partition.damage, options_.generation, id, folder,
                                                           options_.segment_bytes, known}));
    partition.list.load(std::move(found.segments), found.end, found.newest_received);
    return found;
  }

  FileSystem& files_;
  Clock& clock_;
  Metrics& metrics_;
  const LogOptions options_;
  LogStatus status_;
  std::vector<std::unique_ptr<LogPartition>> partitions_;
  std::optional<Housekeeping> housekeeping_;
  bool threads_ = false;
};

Result<std::unique_ptr<LogStream>> open_without_threads(FileSystem& files, Clock& clock, Metrics& metrics,
                                                        const LogOptions& options) {
  MR_TRY(check_options(options));
  MR_TRY(check_partitions(files, options));
  auto stream = std::make_unique<LogStream>(files, clock, metrics, options);
  MR_TRY(stream->open());
  return stream;
}

}  // namespace

Result<std::unique_ptr<Stream>> open_log_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                                const LogOptions& options) {
  MR_ASSIGN(std::unique_ptr<LogStream> stream, open_without_threads(files, clock, metrics, options));
  stream->start_threads();
  return std::unique_ptr<Stream>(std::move(stream));
}

Result<std::unique_ptr<SteppedLog>> open_stepped_log(FileSystem& files, Clock& clock, Metrics& metrics,
                                                     const LogOptions& options) {
  MR_ASSIGN(std::unique_ptr<LogStream> stream, open_without_threads(files, clock, metrics, options));
  return std::unique_ptr<SteppedLog>(std::move(stream));
}

}  // namespace millrace
