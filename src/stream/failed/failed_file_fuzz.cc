// Any bytes may lie where the file of failed events should be. What is read is written again as it was, and what is
// added behind it stays.
//
// The input: a byte (1: checksums are made to fit), then the file.
//
// bytes_max: 1024
// covers: src/stream/failed/failed_file.cc
#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "io/memory_files_for_test.h"
#include "stream/failed/failed_file.h"

namespace {

void mend(std::string& file) {
  for (std::size_t at = 0; at + 8 <= file.size();) {
    std::uint64_t bytes = millrace::load_le<std::uint32_t>(file.data() + at);
    if (bytes > file.size() - at - 8) return;
    std::string_view view(file);
    millrace::store_le(file.data() + at + 4,
                       millrace::crc32c(view.substr(at + 8, bytes), millrace::crc32c(view.substr(at, 4))));
    at += 8 + bytes;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace;
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0) mend(bytes);
  MemoryFiles files;
  files.put("failed", bytes);
  Result<std::unique_ptr<FailedFile>> file = FailedFile::open(files, "failed");
  if (!file.ok()) {
    MR_CHECK(file.error().code == Code::kCorrupt);  // a whole entry that isn't of this version
    return 0;
  }
  std::string again;
  std::size_t count = (*file)->entries();
  for (std::size_t i = 0; i < count; ++i) {
    Result<FailedEvent> event = (*file)->read(i);
    MR_CHECK(event.ok() && (*file)->project(i) == event->project &&
             (event->stage != "store" || (*file)->holds(*event)));
    again += encode_failed_event(*event);
  }
  MR_CHECK(again.size() == (*file)->bytes() && files.find("failed")->size() == again.size());
  FailedEvent added;
  added.stage = "ingest";
  added.reason = "x";
  (*file)->add(added);
  MR_CHECK((*file)->sync().ok());
  Result<std::unique_ptr<FailedFile>> reopened = FailedFile::open(files, "failed");
  MR_CHECK(reopened.ok() && (*reopened)->entries() == count + 1 && (*reopened)->read(count)->reason == "x");
  return 0;
}
