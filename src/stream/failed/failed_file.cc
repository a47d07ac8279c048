#include "stream/failed/failed_file.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace millrace {
namespace {

constexpr std::size_t kFrameBytes = 8;
constexpr std::uint8_t kTruncatedFlag = 1;

void append_text(std::string& to, std::string_view text) {
  append_le(to, static_cast<std::uint32_t>(text.size()));
  to.append(text);
}

std::string take_text(ByteReader& reader) {
  auto bytes = reader.number<std::uint32_t>();
  return std::string(reader.take(bytes));
}

// The whole entry at the front of `bytes`; empty when there is none.
std::string_view first_entry(std::string_view bytes) {
  if (bytes.size() < kFrameBytes) {
    return {};
  }
  auto length = load_le<std::uint32_t>(bytes.data());
  if (length == 0 || length > bytes.size() - kFrameBytes) {
    return {};
  }
  std::uint32_t crc = crc32c(bytes.substr(kFrameBytes, length), crc32c(bytes.substr(0, 4)));
  return crc == load_le<std::uint32_t>(bytes.data() + 4) ? bytes.substr(0, kFrameBytes + length) : std::string_view();
}

}  // namespace

std::string encode_failed_event(const FailedEvent& event) {
  std::string body;
  append_le(body, event.at);
  append_le(body, static_cast<std::uint8_t>(event.truncated ? kTruncatedFlag : 0));
  append_le(body, event.generation.value);
  append_le(body, event.partition.value);
  append_le(body, event.sequence.value);
  append_text(body, event.project);
  append_text(body, event.stage);
  append_text(body, event.reason);
  append_text(body, event.raw);
  std::string bytes;
  append_le(bytes, static_cast<std::uint32_t>(body.size()));
  append_le(bytes, crc32c(body, crc32c(bytes)));
  return bytes + body;
}

Result<FailedEvent> decode_failed_event(std::string_view bytes) {
  std::string_view whole = first_entry(bytes);
  if (whole.empty()) {
    return corrupt("not a failed event");
  }
  ByteReader reader(whole.substr(kFrameBytes));
  FailedEvent event;
  event.at = reader.number<TimeNs>();
  event.truncated = (reader.number<std::uint8_t>() & kTruncatedFlag) != 0;
  event.generation = Generation(reader.number<std::uint32_t>());
  event.partition = PartitionId(reader.number<std::uint16_t>());
  event.sequence = SequenceNumber(reader.number<std::uint64_t>());
  event.project = take_text(reader);
  event.stage = take_text(reader);
  event.reason = take_text(reader);
  event.raw = take_text(reader);
  if (!reader.ok() || !reader.rest().empty()) {
    return corrupt("not a failed event of this version");
  }
  return event;
}

Result<std::unique_ptr<FailedFile>> FailedFile::open(FileSystem& files, const std::string& path) {
  MR_ASSIGN(std::unique_ptr<File> file, files.open(path, OpenMode::kCreateOrOpen));
  std::unique_ptr<FailedFile> failed(new FailedFile(std::move(file)));
  MR_TRY(failed->load());
  return failed;
}

Result<void> FailedFile::load() {
  MR_ASSIGN(std::uint64_t size, file_->size());
  std::string content(static_cast<std::size_t>(size), '\0');
  MR_ASSIGN(std::size_t got, file_->read_at(0, content.data(), content.size()));
  std::string_view rest = std::string_view(content).substr(0, got);
  for (std::string_view whole = first_entry(rest); !whole.empty(); whole = first_entry(rest)) {
    MR_ASSIGN(FailedEvent event, decode_failed_event(whole));
    note(event, bytes_, whole.size());
    rest.remove_prefix(whole.size());
  }
  if (bytes_ < size) {
    return file_->truncate(bytes_);
  }
  return {};
}

Result<void> FailedFile::write_again() {
  std::string piece(std::min<std::uint64_t>(1 << 20, bytes_), '\0');
  for (std::uint64_t at = 0; at < bytes_;) {
    std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), bytes_ - at));
    MR_ASSIGN(std::size_t got, file_->read_at(at, piece.data(), wanted));
    if (got < wanted) {
      return unavailable("the file of failed events became shorter while it was read");
    }
    unsynced_ = true;
    std::string_view pieces[] = {std::string_view(piece).substr(0, got)};
    MR_TRY(file_->write_at(at, pieces));
    at += got;
  }
  return {};
}

void FailedFile::note(const FailedEvent& event, std::uint64_t offset, std::size_t bytes) {
  auto known = std::find(projects_.begin(), projects_.end(), event.project);
  auto project = static_cast<std::uint32_t>(known - projects_.begin());
  if (known == projects_.end()) {
    projects_.push_back(event.project);
  }
  entries_.push_back({offset, static_cast<std::uint32_t>(bytes), project});
  if (event.stage == "store") {
    places_.insert(place(event));
  }
  bytes_ += bytes;
  newest_ = std::max(newest_, event.at);
}

void FailedFile::add(const FailedEvent& event) {
  std::string encoded = encode_failed_event(event);
  note(event, bytes_, encoded.size());
  unwritten_ += encoded;
}

Result<void> FailedFile::write() {
  if (unwritten_.empty()) {
    return {};
  }
  std::string_view pieces[] = {unwritten_};
  unsynced_ = true;
  MR_TRY(file_->write_at(bytes_ - unwritten_.size(), pieces));
  unwritten_.clear();
  return {};
}

Result<void> FailedFile::sync() {
  MR_TRY(write());
  if (unsynced_) {
    MR_TRY(file_->sync());
    unsynced_ = false;
  }
  return {};
}

Result<FailedEvent> FailedFile::read(std::size_t index) {
  const Entry& entry = entries_[index];
  std::string bytes(entry.bytes, '\0');
  MR_ASSIGN(std::size_t got, file_->read_at(entry.offset, bytes.data(), bytes.size()));
  return decode_failed_event(std::string_view(bytes).substr(0, got));
}

}  // namespace millrace
