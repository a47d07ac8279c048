#include "process/shared_folder.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "base/sabotage.h"
#include "process/snapshot.h"

namespace millrace {
namespace {

// What is written comes from replace_file(): all of it at once.
class Bytes final : public File {
 public:
  // shared_ptr: the folder has it, too, until it is renamed.
  explicit Bytes(std::shared_ptr<std::string> bytes) : bytes_(std::move(bytes)) {}
  Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    MR_CHECK(offset == bytes_->size());
    for (std::string_view piece : pieces) {
      bytes_->append(piece);
    }
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    std::size_t from = std::min<std::size_t>(offset, bytes_->size());
    size = std::min(size, bytes_->size() - from);
    std::memcpy(into, bytes_->data() + from, size);
    return size;
  }
  Result<void> sync() override { return {}; }
  Result<std::uint64_t> size() override { return bytes_->size(); }
  Result<void> truncate(std::uint64_t size) override { return bytes_->resize(size), Result<void>(); }
  Result<void> sync_file_system() override { return {}; }

 private:
  std::shared_ptr<std::string> bytes_;
};

const Takeover kEverybody{PartitionId(0), Epoch(0), SequenceNumber(0)};

constexpr const char* kPlaces[] = {"places-0", "places-1"};

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Whether it was done is not known for some; the next try makes it so.
Result<void> try_again(Result<void> result) {
  if (!result.ok() && result.error().code != Code::kFull) {
    return unavailable("the partition's state in the store: " + result.error().message);
  }
  return result;
}

}  // namespace

// "checkpoint-p3", "ids-p3-000000000001"
bool SharedFolder::of_partition(const std::string& name) const {
  std::string mark = fmt::format("-p{}", partition_.value);
  std::size_t at = name.find(mark);
  return at != std::string::npos && (at + mark.size() == name.size() || name[at + mark.size()] == '-');
}

Result<void> SharedFolder::open(const Takeover& owner) {
  place_ = sabotaged(Sabotage::kSharedByAll) ? kEverybody : owner;
  mine_ = from_before_ = false;
  written_.clear();
  unwanted_.clear();
  places_ = 0;
  MR_ASSIGN(std::vector<std::string> names, state_.names(place_));
  names_ = {names.begin(), names.end()};
  if (!names_.empty()) {
    return {};
  }
  Result<std::vector<std::string>> local = before_.list(folder_);
  for (const std::string& name : local.ok() ? *local : std::vector<std::string>()) {
    if (of_partition(name) && !name.ends_with(".tmp")) {
      names_.insert(name);
    }
  }
  from_before_ = !names_.empty();
  return {};
}

Result<void> SharedFolder::take(const Takeover& mine) {
  MR_CHECK(!mine_);
  if (from_before_) {
    for (const std::string& name : names_) {
      MR_ASSIGN(std::string bytes, read_file(before_, folder_ + "/" + name, kSnapshotFileBytesMax));
      MR_TRY(try_again(state_.write(mine, name, bytes)));
    }
  } else if (!names_.empty()) {
    MR_TRY(try_again(state_.copy(place_, mine)));
  }
  place_ = sabotaged(Sabotage::kSharedByAll) ? kEverybody : mine;
  // Its owner may have left something else since it was opened.
  MR_ASSIGN(std::vector<std::string> copied, state_.names(place_));
  names_ = {copied.begin(), copied.end()};
  from_before_ = false;
  mine_ = true;
  return places().ok() ? Result<void>() : unavailable("the partition's places in the store can't be read");
}

void SharedFolder::forget_others() {
  MR_CHECK(mine_);
  if (Result<void> forgotten = state_.forget_before(place_); !forgotten.ok()) {
    log_warning("what older owners left in the store is still there",
                {{"partition", partition_.value}, {"reason", forgotten.error().message}});
  }
}

Result<std::string> SharedFolder::get(const std::string& name) {
  if (names_.find(name) == names_.end()) {
    return not_found(name);
  }
  if (from_before_) {
    return read_file(before_, folder_ + "/" + name, kSnapshotFileBytesMax);
  }
  Result<std::string> bytes = state_.read(place_, name);
  if (!bytes.ok()) {
    // Its owner is still at work, and has just replaced it by another.
    return unavailable(fmt::format("{} in the store can't be read: {}", name, bytes.error().message));
  }
  return bytes;
}

Result<void> SharedFolder::put(const std::string& name, std::string_view bytes) {
  MR_CHECK(mine_);
  MR_TRY(try_again(state_.write(place_, name, bytes)));
  names_.insert(name);
  std::erase(unwanted_, name);
  if (!unwanted_.empty() && state_.remove(place_, unwanted_).ok()) {
    unwanted_.clear();
  }
  return {};
}

// Written in turn, so that one is always whole; each begins with a number, and the higher one is the newer.
Result<std::string> SharedFolder::places() {
  std::string newest;
  for (const char* name : kPlaces) {
    Result<std::string> bytes = get(name);
    if (!bytes.ok() && bytes.error().code != Code::kNotFound) {
      return bytes;
    }
    if (bytes.ok() && bytes->size() >= sizeof places_ && load_le<std::uint64_t>(bytes->data()) >= places_) {
      places_ = load_le<std::uint64_t>(bytes->data());
      newest = bytes->substr(sizeof places_);
    }
  }
  return newest;
}

Result<void> SharedFolder::put_places(std::string_view bytes) {
  std::string numbered;
  append_le(numbered, ++places_);
  numbered += bytes;
  return put(kPlaces[places_ % 2], numbered);
}

Result<std::unique_ptr<File>> SharedFolder::open(const std::string& path, OpenMode mode) {
  auto bytes = std::make_shared<std::string>();
  if (mode == OpenMode::kRead) {
    MR_ASSIGN(*bytes, get(name_of(path)));
  } else {
    written_[path] = bytes;
  }
  return std::unique_ptr<File>(std::make_unique<Bytes>(std::move(bytes)));
}

Result<std::vector<std::string>> SharedFolder::list(const std::string&) {
  return std::vector<std::string>(names_.begin(), names_.end());
}

Result<void> SharedFolder::rename(const std::string& from, const std::string& to) {
  auto written = written_.find(from);
  MR_CHECK(written != written_.end());
  // shared_ptr: of the folder alone by now.
  std::shared_ptr<std::string> bytes = std::move(written->second);
  written_.erase(written);
  return put(name_of(to), *bytes);
}

Result<void> SharedFolder::remove(const std::string& path) {
  if (written_.erase(path) > 0) {
    return {};
  }
  if (names_.erase(name_of(path)) == 0) {
    return not_found(path);
  }
  unwanted_.push_back(name_of(path));  // with the next that is written
  return {};
}

}  // namespace millrace
