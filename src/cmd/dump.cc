// millrace dump segment|checkpoint FILE: what a file of the data folder holds, one JSON object a line.

#include "stream/dump.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json.h"
#include "base/time_format.h"
#include "cmd/command.h"
#include "io/file.h"
#include "model/record.h"
#include "process/checkpoint.h"

namespace millrace::cmd {
namespace {

void begin_line(JsonWriter& json, const SegmentDumpEntry& entry, const char* kind) {
  json.begin_object()
      .key("kind")
      .string(kind)
      .key("offset")
      .unsigned_integer(entry.offset)
      .key("bytes")
      .unsigned_integer(entry.bytes);
}

void print_header(const SegmentDumpEntry& entry) {
  JsonWriter json;
  begin_line(json, entry, "header");
  json.key("first_sequence").unsigned_integer(entry.range.begin.value).end_object();
  fmt::print("{}\n", json.text());
}

void print_event(const EventView& event, std::uint64_t sequence) {
  JsonWriter json;
  json.begin_object().key("kind").string("event").key("sequence").unsigned_integer(sequence);
  json.key("project").string(event.project).key("event").string(event.event);
  for (auto [name, value] : {std::pair("user_id", event.user_id), std::pair("anonymous_id", event.anonymous_id),
                             std::pair("session_id", event.session_id), std::pair("id", event.id)}) {
    if (!value.empty()) {
      json.key(name).string(value);
    }
  }
  json.key("time")
      .string(format_rfc3339(event.time))
      .key("properties")
      .raw(event.properties)
      .key("context")
      .raw(event.context)
      .end_object();
  fmt::print("{}\n", json.text());
}

void print_record(const SegmentDumpEntry& entry, bool events) {
  JsonWriter json;
  begin_line(json, entry, "record");
  json.key("begin").unsigned_integer(entry.range.begin.value).key("end").unsigned_integer(entry.range.end.value);
  json.key("received")
      .string(format_rfc3339(entry.received))
      .key("durable")
      .unsigned_integer(entry.durable.value)
      .end_object();
  fmt::print("{}\n", json.text());
  if (!events) {
    return;
  }
  RecordCursor cursor(entry.payload, entry.received);
  for (std::uint64_t sequence = entry.range.begin.value; cursor.next(); ++sequence) {
    print_event(cursor.event(), sequence);
  }
  if (Result<void> status = cursor.status(); !status.ok()) {
    fmt::print("{}\n", JsonWriter()
                           .begin_object()
                           .key("kind")
                           .string("unreadable")
                           .key("reason")
                           .string(status.error().message)
                           .end_object()
                           .text());
  }
}

int dump_segment_file(const std::string& path, bool events) {
  bool whole = true;
  Result<void> done = dump_segment(posix_file_system(), path, [&](const SegmentDumpEntry& entry) {
    JsonWriter json;
    switch (entry.kind) {
      case SegmentDumpEntry::Kind::kHeader:
        return print_header(entry);
      case SegmentDumpEntry::Kind::kRecord:
        return print_record(entry, events);
      case SegmentDumpEntry::Kind::kFooter:
        begin_line(json, entry, "footer");
        break;
      case SegmentDumpEntry::Kind::kHole:
        begin_line(json, entry, "hole");
        whole = false;
        break;
    }
    fmt::print("{}\n", json.end_object().text());
  });
  if (!done.ok()) {
    return fail(done.error().message);
  }
  return whole ? 0 : 1;
}

int dump_checkpoint_file(const std::string& path) {
  Result<std::string> bytes = read_file(posix_file_system(), path, 16 << 20);
  Result<Checkpoint> checkpoint = bytes.ok() ? decode_checkpoint(*bytes) : Result<Checkpoint>(bytes.error());
  if (!checkpoint.ok()) {
    return fail(checkpoint.error().message);
  }
  const Counts& counts = checkpoint->counts;
  JsonWriter json;
  json.begin_object().key("generation").unsigned_integer(checkpoint->generation.value);
  json.key("partition")
      .unsigned_integer(checkpoint->partition.value)
      .key("epoch")
      .unsigned_integer(checkpoint->epoch.value);
  json.key("position").unsigned_integer(counts.position.value).key("rows").unsigned_integer(counts.rows);
  json.key("repeats").unsigned_integer(counts.repeats).key("failed").unsigned_integer(counts.failed);
  json.key("lost")
      .unsigned_integer(counts.lost)
      .key("hash")
      .string(fmt::format("{:016x}", counts.hash))
      .key("owners")
      .begin_array();
  for (const Ownership& owner : checkpoint->owners) {
    json.begin_object()
        .key("epoch")
        .unsigned_integer(owner.epoch.value)
        .key("first")
        .unsigned_integer(owner.first.value)
        .end_object();
  }
  json.end_array().end_object();
  fmt::print("{}\n", json.text());
  return 0;
}

}  // namespace

void add_dump(CLI::App& program, Outcome& outcome) {
  CLI::App* dump = program.add_subcommand("dump", "Show what a file of the data folder holds");
  dump->require_subcommand(1);
  dump->footer(
      "Examples:\n"
      "  millrace dump segment millrace-data/log/g1/p0/0000000000000001.seg | head\n"
      "  millrace dump checkpoint millrace-data/process/checkpoint-p0");
  auto file = std::make_shared<std::string>();  // kept by the callbacks
  auto frames = std::make_shared<bool>(false);

  CLI::App* segment = dump->add_subcommand(
      "segment", "A segment of the log: its records and their events; 1 when bytes of it are damaged");
  segment->add_option("file", *file, "<data>/log/g1/p0/….seg")->required();
  segment->add_flag("--frames", *frames, "Records only, without their events");
  segment->footer("Example:\n  millrace dump segment millrace-data/log/g1/p0/0000000000000001.seg | head");
  segment->callback([file, frames, &outcome] { outcome.exit_code = dump_segment_file(*file, !*frames); });

  CLI::App* checkpoint = dump->add_subcommand("checkpoint", "A checkpoint of a processor");
  checkpoint->add_option("file", *file, "<data>/process/checkpoint-p0")->required();
  checkpoint->footer("Example:\n  millrace dump checkpoint millrace-data/process/checkpoint-p0");
  checkpoint->callback([file, &outcome] { outcome.exit_code = dump_checkpoint_file(*file); });
}

}  // namespace millrace::cmd
