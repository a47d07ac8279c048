#include "stream/dump.h"

#include <charconv>
#include <optional>
#include <vector>

#include "stream/log/segment_scan.h"

namespace millrace {
namespace {

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

template <typename Number>
bool parse_numbered(std::string_view name, char letter, Number& number) {
  if (name.empty() || name.front() != letter) {
    return false;
  }
  auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size();
}

std::optional<SegmentIdentity> identity_of_path(const std::string& path) {
  std::vector<std::string_view> parts = split_path(path);
  SegmentIdentity identity;
  if (parts.size() < 3 || !parse_numbered(parts[parts.size() - 3], 'g', identity.generation.value) ||
      !parse_numbered(parts[parts.size() - 2], 'p', identity.partition.value)) {
    return std::nullopt;
  }
  std::optional<std::uint64_t> segment = parse_segment_name(parts.back(), ".seg");
  if (!segment) {
    return std::nullopt;
  }
  identity.segment = *segment;
  return identity;
}

Result<SegmentHeader> header_of(File& file, const std::string& path) {
  std::string block(kSegmentHeaderBytes, '\0');
  MR_ASSIGN(std::size_t got, file.read_at(0, block.data(), block.size()));
  Result<SegmentHeader> header = decode_segment_header(std::string_view(block).substr(0, got));
  if (header.ok() || header.error().code != Code::kCorrupt) {
    return header;
  }
  std::optional<SegmentIdentity> identity = identity_of_path(path);
  if (!identity) {
    return corrupt(path + " has no whole header; its frames can only be read at their place, …/g<n>/p<n>/<id>.seg");
  }
  return SegmentHeader{*identity, SequenceNumber(0), 0};
}

SegmentDumpEntry frame_entry(const SegmentIdentity& identity, const Frame& frame) {
  bool record = frame.fields.kind == FrameKind::kRecord;
  return {record ? SegmentDumpEntry::Kind::kRecord : SegmentDumpEntry::Kind::kFooter,
          frame.offset,
          frame.bytes,
          identity,
          {frame.fields.first, frame.fields.end()},
          frame.fields.received,
          frame.fields.durable,
          frame.payload};
}

}  // namespace

Result<void> dump_segment(FileSystem& files, const std::string& path,
                          const std::function<void(const SegmentDumpEntry&)>& entry) {
  MR_ASSIGN(std::unique_ptr<File> file, files.open(path, OpenMode::kRead));
  MR_ASSIGN(std::uint64_t size, file->size());
  MR_ASSIGN(SegmentHeader header, header_of(*file, path));
  entry({SegmentDumpEntry::Kind::kHeader,
         0,
         kSegmentHeaderBytes,
         header.identity,
         {header.first, header.first},
         header.received_before,
         {},
         {}});
  std::uint64_t at = kSegmentHeaderBytes;
  SequenceNumber next = header.first;
  SegmentCursor cursor(*file, header.identity, size);
  Result<SegmentScan> scan = scan_segment(cursor, {header.first}, [&](const Frame& frame) {
    if (frame.offset > at) {
      entry({SegmentDumpEntry::Kind::kHole,
             at,
             frame.offset - at,
             header.identity,
             {next, frame.fields.first},
             0,
             {},
             {}});
    }
    entry(frame_entry(header.identity, frame));
    at = frame.offset + frame.bytes;
    next = frame.fields.end();
  });
  if (!scan.ok()) {
    return scan.error();
  }
  return {};
}

}  // namespace millrace
