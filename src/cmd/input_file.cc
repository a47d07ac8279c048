#include "cmd/input_file.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

namespace millrace::cmd {

// Turns packed bytes into plain ones, piece by piece.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  virtual Result<void> feed(std::string_view packed, std::string& out) = 0;
  virtual bool finished() const = 0;  // at the border of a frame: the data may end here
};

namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

class Plain final : public Unpacker {
 public:
  Result<void> feed(std::string_view packed, std::string& out) override {
    out.append(packed);
    return {};
  }
  bool finished() const override { return true; }
};

class Zstd final : public Unpacker {
 public:
  Zstd() : stream_(ZSTD_createDStream()) {}
  ~Zstd() override { ZSTD_freeDStream(stream_); }
  Result<void> feed(std::string_view packed, std::string& out) override {
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer to{};
    do {
      std::size_t before = out.size();
      out.resize(before + kPieceBytes);
      to = {out.data() + before, kPieceBytes, 0};
      left_ = ZSTD_decompressStream(stream_, &to, &in);
      out.resize(before + to.pos);
      if (ZSTD_isError(left_) != 0) {
        return corrupt(fmt::format("damaged zstd data: {}", ZSTD_getErrorName(left_)));
      }
    } while (in.pos < in.size || to.pos == to.size);
    return {};
  }
  bool finished() const override { return left_ == 0; }

 private:
  ZSTD_DStream* stream_;
  std::size_t left_ = 0;
};

class Gzip final : public Unpacker {
 public:
  Gzip() { inflateInit2(&stream_, 15 + 16); }
  ~Gzip() override { inflateEnd(&stream_); }
  Result<void> feed(std::string_view packed, std::string& out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    do {
      if (finished_ && stream_.avail_in > 0) {
        inflateReset(&stream_);  // the next member
        finished_ = false;
      }
      std::size_t before = out.size();
      out.resize(before + kPieceBytes);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = kPieceBytes;
      int code = inflate(&stream_, Z_NO_FLUSH);
      out.resize(out.size() - stream_.avail_out);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return corrupt("damaged gzip data");
      }
      finished_ = code == Z_STREAM_END;
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return {};
  }
  bool finished() const override { return finished_; }

 private:
  z_stream stream_{};
  bool finished_ = false;
};

std::unique_ptr<Unpacker> unpacker_for(std::string_view begin) {
  if (begin.starts_with("\x28\xB5\x2F\xFD")) {
    return std::make_unique<Zstd>();
  }
  if (begin.starts_with("\x1F\x8B")) {
    return std::make_unique<Gzip>();
  }
  return std::make_unique<Plain>();
}

}  // namespace

InputFile::InputFile(std::FILE* file) : file_(file) {
  struct stat info {};
  if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode)) {
    size_ = static_cast<std::uint64_t>(info.st_size);
  }
}

InputFile::~InputFile() {
  if (file_ != stdin) {
    std::fclose(file_);
  }
}

Result<std::unique_ptr<InputFile>> InputFile::open(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return invalid(fmt::format("can't read {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<InputFile>(new InputFile(file));
}

Result<bool> InputFile::fill() {
  char piece[kPieceBytes];
  ssize_t count = 0;
  do {
    count = ::read(fileno(file_), piece, sizeof piece);  // what a pipe has now, not what would fill a buffer
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return unavailable(fmt::format("reading failed: {}", std::strerror(errno)));
  }
  auto got = static_cast<std::size_t>(count);
  if (got == 0) {
    at_end_ = true;
    if (unpacker_ != nullptr && !unpacker_->finished()) {
      return corrupt("the packed data is cut off");
    }
    return false;
  }
  packed_read_ += got;
  if (unpacker_ == nullptr) {
    unpacker_ = unpacker_for({piece, got});
  }
  pending_.erase(0, given_);
  given_ = 0;
  MR_TRY(unpacker_->feed({piece, got}, pending_));
  return true;
}

Result<std::size_t> InputFile::read_lines(std::string& to, std::size_t lines, std::size_t bytes) {
  std::size_t added = 0;
  while (added < lines && to.size() < bytes) {
    std::size_t end = pending_.find('\n', given_);
    if (end == std::string::npos && added > 0 && size_ == 0) {
      break;  // a pipe: what is here goes out now
    }
    while (end == std::string::npos && !at_end_) {
      MR_TRY(fill());
      end = pending_.find('\n', given_);
    }
    std::size_t next = end == std::string::npos ? pending_.size() : end + 1;
    if (next == given_) {
      break;
    }
    to.append(pending_, given_, next - given_);
    offset_ += next - given_;
    given_ = next;
    ++added;
  }
  return added;
}

}  // namespace millrace::cmd
