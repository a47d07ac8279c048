// A processor's feed with any bytes in it, also under checksums that fit: frames are taken or refused, whatever they
// say; what was taken before stays, is shown as JSON, and counts what its rows count.
//
// bytes_max: 2048
// covers: src/query/feed/decode.cc src/query/feed/merge.cc src/views/view_state.cc
#include "base/check.h"
#include "base/crc32c.h"
#include "base/json.h"
#include "query/feed/merge.h"
#include "views/table.h"

namespace {

using namespace millrace;

ViewSpec spec() {
  ViewSpec made;
  made.name = made.json = "v";
  made.by = {{FieldRef::Kind::kBase, "event", {}, "event"}};
  made.horizon = 3'600'000'000'000;
  for (auto kind : {ViewMeasure::Kind::kCount, ViewMeasure::Kind::kSum}) {
    ViewMeasure measure;
    measure.kind = kind;
    measure.field = {FieldRef::Kind::kProperty, "", {"n"}, "properties.n"};
    measure.text = kind == ViewMeasure::Kind::kCount ? "count" : "sum";
    made.measures.push_back(measure);
  }
  return made;
}

// What is in the rows is what their sum says.
void check_lanes(Views& views) {
  for (std::uint16_t i = 0; i < views.partitions(); ++i) {
    for (const PartitionViews::Lane& lane : views.partition(PartitionId(i)).lanes()) {
      std::uint64_t counted = 0;
      lane.state->tell_again(ViewState::Listener::kFeed);
      lane.state->take_changed(ViewState::Listener::kFeed, [&](const ViewState::Row& row) {
        counted += row.count;
        return true;
      });
      ViewState::Totals totals = lane.state->totals();
      MR_CHECK(lane.state->folded() == counted + totals.outside + totals.gone + totals.passed_by);
    }
  }
}

}  // namespace

// Frames: u16 bytes of a body, the body.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  Views views(Generation(1), 2, ViewLimits{4, 1 << 16}, {});
  MR_CHECK(views.declare(spec()).ok());
  FeedMerge merge(views, Generation(1), {"http://a"});
  merge.begin(0);
  FeedCutter cutter;
  ByteReader reader(std::string_view(reinterpret_cast<const char*>(data), size));
  bool good = true;
  while (good && reader.ok() && !reader.rest().empty()) {
    std::string_view body = reader.take(reader.number<std::uint16_t>());
    std::string frame;
    append_le(frame, static_cast<std::uint32_t>(body.size()));
    append_le(frame, crc32c(body));
    cutter.add(frame + std::string(body));
    Result<std::string_view> cut = cutter.next();
    MR_CHECK(cut.ok() == !body.empty() && (!cut.ok() || *cut == body));
    good = cut.ok() && merge.take(0, *cut, 1).ok();
    check_lanes(views);
  }
  ViewTable table(views, views.find("v"));
  table.refresh();
  JsonWriter json;
  json.begin_object();
  table.write(json, INT64_MIN, INT64_MAX, 0);
  MR_CHECK(Json::parse(json.end_object().take()).ok());
  FeedCutter raw;
  raw.add({reinterpret_cast<const char*>(data), size});
  for (Result<std::string_view> cut = raw.next(); cut.ok() && !cut->empty(); cut = raw.next()) {
    (void)decode_feed(*cut).ok();
  }
  return 0;
}
