// Any bytes, also with a checksum that fits: a checkpoint or an error, and what was read is written as it was.
//
// bytes_max: 512
// covers: src/process/checkpoint.cc
#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "process/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  std::string mended = bytes;
  append_le(mended, crc32c(mended));
  for (const std::string& file : {bytes, mended}) {
    Result<Checkpoint> read = decode_checkpoint(file);
    MR_CHECK(!read.ok() || encode_checkpoint(*read) == file);
  }
  return 0;
}
