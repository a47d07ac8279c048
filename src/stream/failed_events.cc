#include "stream/failed_events.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"
#include "io/thread.h"
#include "stream/failed/failed_file.h"

namespace millrace {
namespace {

constexpr std::size_t kRawBytesMax = 16 << 10;
constexpr std::size_t kTextBytesMax = 1 << 10;
constexpr std::uint64_t kUnwrittenBytesMax = 256 << 10;
constexpr std::chrono::seconds kSyncInterval{1};

class TwoFiles final : public FailedEvents {
 public:
  TwoFiles(FileSystem& files, std::string folder, std::uint64_t bytes_max)
      : files_(files), folder_(std::move(folder)), file_bytes_max_(bytes_max / 2) {}

  ~TwoFiles() override {
    if (!thread_) {
      return;
    }
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_one();
    thread_.reset();
    std::lock_guard lock(mutex_);
    (void)sync_locked().ok();  // what came since the thread's last round
  }

  Result<void> open() {
    MR_TRY(files_.make_folders(folder_));
    for (std::size_t i = 0; i < files_of_.size(); ++i) {
      MR_ASSIGN(files_of_[i], FailedFile::open(files_, path(i)));
    }
    MR_TRY(files_.sync_folder(folder_));
    current_ = files_of_[1]->newest() > files_of_[0]->newest() ? 1 : 0;
    // An entry that is known isn't added again: it must be durable with the next sync. The other file was synced before
    // this one began.
    MR_TRY(files_of_[current_]->write_again());
    return {};
  }

  void start() {
    thread_.emplace("failed-events", [this] { run(); });
  }

  void add(const FailedEvent& event) override {
    FailedEvent bounded = event;
    bounded.truncated |= event.raw.size() > kRawBytesMax;
    bounded.raw.resize(std::min(event.raw.size(), kRawBytesMax));
    bounded.reason.resize(std::min(event.reason.size(), kTextBytesMax));
    std::lock_guard lock(mutex_);
    bool known = event.stage == "store" && (files_of_[0]->holds(event) || files_of_[1]->holds(event));
    if (known || failed_) {
      return;
    }
    note(make_room());
    files_of_[current_]->add(bounded);
    unwritten_bytes_ += bounded.raw.size();
    if (unwritten_bytes_ > kUnwrittenBytesMax) {
      note(files_of_[current_]->write());
      unwritten_bytes_ = 0;
    }
  }

  Result<void> sync() override {
    std::lock_guard lock(mutex_);
    return sync_locked();
  }

  std::vector<FailedEvent> latest(const std::string& project, std::size_t limit) override {
    std::lock_guard lock(mutex_);
    if (!failed_) {
      note(files_of_[current_]->write());
    }
    std::vector<FailedEvent> found;
    for (std::size_t which : {current_, 1 - current_}) {
      FailedFile& file = *files_of_[which];
      for (std::size_t i = file.entries(); i-- > 0 && found.size() < limit;) {
        if (file.project(i) != project) {
          continue;
        }
        if (Result<FailedEvent> event = file.read(i); event.ok()) {
          found.push_back(std::move(*event));
        }
      }
    }
    return found;
  }

 private:
  std::string path(std::size_t which) const { return folder_ + "/failed-" + std::to_string(which) + ".log"; }

  // When the file in use has its share, the other one, which is older, begins anew.
  Result<void> make_room() {
    if (files_of_[current_]->bytes() < file_bytes_max_) {
      return {};
    }
    MR_TRY(files_of_[current_]->sync());
    std::size_t older = 1 - current_;
    MR_TRY(files_.remove(path(older)));
    MR_ASSIGN(files_of_[older], FailedFile::open(files_, path(older)));
    current_ = older;
    return files_.sync_folder(folder_);
  }

  Result<void> sync_locked() {
    if (failed_) {
      return *failed_;
    }
    unwritten_bytes_ = 0;
    note(files_of_[current_]->sync());
    if (failed_) {
      return *failed_;
    }
    return {};
  }

  // The first failure stops it, so that no file is synced again after a failed sync.
  void note(const Result<void>& outcome) {
    if (!outcome.ok() && !failed_) {
      failed_ = outcome.error();
      log_error("failed events can't be kept any more", {{"reason", outcome.error().message}});
    }
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      work_.wait_for(lock, kSyncInterval, [this] { return stopping_; });
      (void)sync_locked().ok();  // an error is logged once, by note()
    }
  }

  FileSystem& files_;
  const std::string folder_;
  const std::uint64_t file_bytes_max_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable work_;
  std::array<std::unique_ptr<FailedFile>, 2> files_of_;
  std::size_t current_ = 0;
  std::size_t unwritten_bytes_ = 0;
  std::optional<Error> failed_;
  bool stopping_ = false;
  std::optional<Thread> thread_;
};

}  // namespace

Result<std::unique_ptr<FailedEvents>> FailedEvents::open(FileSystem& files, const std::string& folder,
                                                         std::uint64_t bytes_max) {
  auto events = std::make_unique<TwoFiles>(files, folder, bytes_max);
  MR_TRY(events->open());
  events->start();
  return std::unique_ptr<FailedEvents>(std::move(events));
}

Result<std::unique_ptr<FailedEvents>> FailedEvents::open_without_thread(FileSystem& files, const std::string& folder,
                                                                        std::uint64_t bytes_max) {
  auto events = std::make_unique<TwoFiles>(files, folder, bytes_max);
  MR_TRY(events->open());
  return std::unique_ptr<FailedEvents>(std::move(events));
}

}  // namespace millrace
