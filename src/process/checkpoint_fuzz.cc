// Any bytes: a checkpoint or an error, and what was read is written as it was.

#include "base/check.h"
#include "process/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  millrace::Result<millrace::Checkpoint> read = millrace::decode_checkpoint(bytes);
  MR_CHECK(!read.ok() || millrace::encode_checkpoint(*read).size() == size);
  return 0;
}
