#pragma once
// One of the two files of failed events. Entries one behind the other: u32 bytes, u32 CRC-32C of the length and the
// bytes, then the bytes: i64 at, u8 flags (1: truncated), u32 generation, u16 partition, u64 sequence, then project,
// stage, reason and raw, each after its u32 length.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "io/file.h"
#include "stream/failed_events.h"

namespace millrace {

std::string encode_failed_event(const FailedEvent& event);        // with length and checksum
Result<FailedEvent> decode_failed_event(std::string_view bytes);  // kCorrupt

class FailedFile {
 public:
  using Place = std::tuple<std::uint32_t, std::uint16_t, std::uint64_t>;  // generation, partition, sequence

  // Opens or makes the file; what is no whole entry at its end is overwritten.
  static Result<std::unique_ptr<FailedFile>> open(FileSystem& files, const std::string& path);

  std::uint64_t bytes() const { return bytes_; }  // with what isn't written yet
  std::size_t entries() const { return entries_.size(); }
  TimeNs newest() const { return newest_; }
  bool holds(const FailedEvent& event) const { return places_.count(place(event)) > 0; }
  void add(const FailedEvent& event);
  Result<void> write();
  Result<void> sync();
  // Writes all that was found once more, so that the next sync() makes it durable: whoever wrote it may have died
  // before its sync, or the sync failed, and then it is in the kernel's memory alone.
  Result<void> write_again();
  // Entry `index`, the oldest being 0; written before.
  Result<FailedEvent> read(std::size_t index);
  const std::string& project(std::size_t index) const { return projects_[entries_[index].project]; }

 private:
  struct Entry {
    std::uint64_t offset;
    std::uint32_t bytes;
    std::uint32_t project;  // its place in projects_
  };
  explicit FailedFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  static Place place(const FailedEvent& event) {
    return {event.generation.value, event.partition.value, event.sequence.value};
  }
  Result<void> load();
  void note(const FailedEvent& event, std::uint64_t offset, std::size_t bytes);

  std::unique_ptr<File> file_;
  std::vector<Entry> entries_;
  std::vector<std::string> projects_;
  std::set<Place> places_;  // of the entries of stage "store"
  std::string unwritten_;
  std::uint64_t bytes_ = 0;
  TimeNs newest_ = 0;
  bool unsynced_ = false;
};

}  // namespace millrace
