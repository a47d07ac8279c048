#pragma once
// Servers that fold partitions of one log into views and tell what changed; and one that merges it. For the tests of
// this folder. All in one thread: what is told when is up to the test.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "model/index_for_test.h"
#include "query/feed/merge.h"
#include "query/feed/writer.h"
#include "views/table.h"

namespace millrace {

inline constexpr TimeNs kFeedSecondNs = 1'000'000'000;
inline constexpr TimeNs kFeedNow = 1'700'000'000 * kFeedSecondNs;
inline constexpr std::uint16_t kFeedPartitions = 3;

struct FeedEvent {
  std::string event = "e", user = "u", properties = "{}";
  TimeNs time = kFeedNow;
  TimeNs received = kFeedNow;
};
using FeedLog = std::vector<std::vector<FeedEvent>>;  // by partition

inline ViewMeasure feed_measure(ViewMeasure::Kind kind, FieldRef field, std::string text) {
  ViewMeasure made;
  made.kind = kind;
  made.field = std::move(field);
  made.top = kind == ViewMeasure::Kind::kTop ? 3 : 0;
  made.quantile = 0.5;
  made.text = std::move(text);
  return made;
}

// Every measure, minute by minute, for a quarter of an hour.
inline ViewSpec feed_view(const std::string& name) {
  using Kind = ViewMeasure::Kind;
  FieldRef user{FieldRef::Kind::kBase, "user_id", {}, "user_id"};
  FieldRef n{FieldRef::Kind::kProperty, "", {"n"}, "properties.n"};
  ViewSpec spec;
  spec.name = name;
  spec.json = "{\"name\":\"" + name + "\"}";
  spec.by = {{FieldRef::Kind::kBase, "event", {}, "event"}};
  spec.horizon = 900 * kFeedSecondNs;
  spec.keys_max = 6;
  spec.measures = {feed_measure(Kind::kCount, {}, "count"),    feed_measure(Kind::kUniq, user, "uniq"),
                   feed_measure(Kind::kSum, n, "sum"),         feed_measure(Kind::kMean, n, "mean"),
                   feed_measure(Kind::kMin, n, "min"),         feed_measure(Kind::kMax, n, "max"),
                   feed_measure(Kind::kQuantile, n, "median"), feed_measure(Kind::kTop, user, "top")};
  return spec;
}

class FeedNode {
 public:
  FeedNode(const std::vector<ViewSpec>& specs, std::uint64_t program)
      : views_(Generation(1), kFeedPartitions, ViewLimits{}, {}), writer_(views_, program, Generation(1)) {
    for (const ViewSpec& spec : specs) {
      EXPECT_TRUE(views_.declare(spec).ok());
    }
  }
  Views& views() { return views_; }
  FeedWriter& writer() { return writer_; }
  PartitionViews& partition(std::uint16_t id) { return views_.partition(PartitionId(id)); }

  void own(std::uint16_t id, Epoch epoch) {
    partition(id).begin({}, SequenceNumber(0), epoch);
    folded_[id] = 0;
  }
  // Folds the partition's events up to there: into live views, or into those behind, which are then live.
  void fold(std::uint16_t id, const std::vector<FeedEvent>& log, std::size_t until) {
    catch_up(id, log);
    fold_into(id, log, folded_[id], until, true);
    folded_[id] = std::max(folded_[id], until);
    partition(id).audit(folded_[id]);
  }
  void catch_up(std::uint16_t id, const std::vector<FeedEvent>& log) {
    partition(id).sync();
    while (auto behind = partition(id).behind()) {
      fold_into(id, log, behind->value, folded_[id], false);
      partition(id).go_live(SequenceNumber(folded_[id]));
    }
  }
  std::size_t folded(std::uint16_t id) const { return folded_[id]; }
  void set_folded(std::uint16_t id, std::size_t until) { folded_[id] = until; }

  std::vector<PartitionProgress> progress(const FeedLog& log) const {
    std::vector<PartitionProgress> all(kFeedPartitions);
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      all[i].partition = PartitionId(i);
      all[i].stored_until = SequenceNumber(folded_[i]);
      all[i].rows = folded_[i];
      all[i].durable_end = SequenceNumber(log[i].size());
    }
    return all;
  }

 private:
  void fold_into(std::uint16_t id, const std::vector<FeedEvent>& log, std::size_t from, std::size_t until, bool live) {
    for (std::size_t i = from; i < until; ++i) {
      EventView event;
      event.event = log[i].event;
      event.user_id = log[i].user;
      event.properties = log[i].properties;
      std::string index = index_of(log[i].properties);
      event.property_index = index;
      event.time = log[i].time;
      event.received = log[i].received;
      partition(id).begin_record(SequenceNumber(i), log[i].received, live);
      partition(id).fold(event, SequenceNumber(i));
      partition(id).end_record(SequenceNumber(i + 1));
    }
  }

  Views views_;
  FeedWriter writer_;
  std::size_t folded_[kFeedPartitions] = {};
};

inline std::string feed_text(const Json& value) {
  std::string text = value.text();
  for (const Json& item : value.items()) {
    text += feed_text(item) + ",";
  }
  for (const auto& [name, member] : value.members()) {
    text += name + ":" + feed_text(member) + ";";
  }
  return text;
}

// A view's rows as they are shown, in an order of their own; "building" while it isn't live.
inline std::vector<std::string> feed_rows(ViewTable& table) {
  table.refresh();
  if (!table.live()) {
    return {"building"};
  }
  JsonWriter json;
  json.begin_object();
  table.write(json, INT64_MIN, INT64_MAX, 0);
  Json all = Json::parse(json.end_object().take()).value();
  std::vector<std::string> rows;
  for (const Json& column : all.find("columns")->items()) {
    const auto& values = column.find("values")->items();
    rows.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      rows[i] += feed_text(values[i]) + " ";
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace millrace
