// Any bytes as the stored state of a view: a state or an error. What was read has an answer in each row, goes on taking
// events, and is written so that it reads the same.
//
// bytes_max: 1024
// covers: src/views/view_state.cc src/views/aggregates/quantile.cc src/views/aggregates/top.cc
// src/views/aggregates/uniq.cc
#include "base/check.h"
#include "base/json.h"
#include "base/time_format.h"
#include "views/view_state.h"

namespace {

using namespace millrace;

constexpr std::size_t kBytesMax = 1 << 20;

ViewMeasure measure(ViewMeasure::Kind kind, const char* name) {
  ViewMeasure made;
  made.kind = kind;
  made.field = {FieldRef::Kind::kBase, name, {}, name};
  made.quantile = 0.5;
  made.top = kind == ViewMeasure::Kind::kTop ? 3 : 0;
  return made;
}

// Every aggregate, with a dimension or without.
ViewSpec spec(bool with_dimension) {
  ViewSpec made;
  made.name = "v";
  made.horizon = 3600 * kSecond;
  made.keys_max = 8;
  if (with_dimension) made.by = {{FieldRef::Kind::kBase, "event", {}, "event"}};
  for (auto kind :
       {ViewMeasure::Kind::kCount, ViewMeasure::Kind::kUniq, ViewMeasure::Kind::kSum, ViewMeasure::Kind::kMean,
        ViewMeasure::Kind::kMin, ViewMeasure::Kind::kMax, ViewMeasure::Kind::kQuantile, ViewMeasure::Kind::kTop}) {
    made.measures.push_back(measure(kind, "visitor"));
  }
  return made;
}

std::string text_of(const ViewState& state) {
  std::string bytes;
  state.append_to(bytes);
  return bytes;
}

void answer_all(ViewState& state, std::size_t measures) {
  state.take_changed([&](const ViewState::Row& row) {
    JsonWriter json;
    json.begin_array();
    for (std::size_t i = 0; i < measures; ++i) {
      state.aggregates().finalize(row.states, i, json);
    }
    json.end_array();
    MR_CHECK(Json::parse(json.take()).ok());
    (void)ViewState::decode_key(row.key);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  static const ViewSpec kSpecs[] = {spec(false), spec(true)};
  const ViewSpec& declared = kSpecs[data[0] & 1];
  FieldReader reader;
  ViewState state(declared, reader, kBytesMax);
  if (!state.read({reinterpret_cast<const char*>(data) + 1, size - 1}).ok()) return 0;
  std::string written = text_of(state);
  ViewState again(declared, reader, kBytesMax);
  MR_CHECK(again.read(written).ok() && text_of(again) == written);
  MR_CHECK(again.rows() == state.rows() && again.folded() == state.folded() && again.other() == state.other());
  answer_all(state, declared.measures.size());
  EventView event;
  event.event = "e";
  event.user_id = "u";
  event.time = event.received = 1'700'000'000 * kSecond;
  event.properties = "{}";
  std::uint64_t before = state.folded();
  state.advance(event.received);
  state.fold(event, reader.read(event));
  MR_CHECK(state.folded() == before + 1);
  answer_all(state, declared.measures.size());
  return 0;
}
