// Any bytes: a snapshot or an error. The checksum is made to fit, so that what lies behind it is reached.

#include "base/bytes.h"
#include "base/crc32c.h"
#include "process/snapshot_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  millrace::append_le(bytes, millrace::crc32c(bytes));
  (void)millrace::decode_snapshot(bytes).ok();
  (void)millrace::decode_id_chunk(bytes, millrace::PartitionId(0), 0, millrace::crc32c(bytes)).ok();
  (void)millrace::Gaps::parse(bytes).ok();
  return 0;
}
