#include "views/tail.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/time_format.h"

namespace millrace {

std::string event_json(const EventView& event, const Place& place) {
  JsonWriter json;
  json.begin_object().key("event").string(event.event);
  auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) {
      json.key(name).string(value);
    }
  };
  add("user_id", event.user_id);
  add("anonymous_id", event.anonymous_id);
  add("session_id", event.session_id);
  add("message_id", event.id_kind == IdKind::kMessage ? event.id : std::string_view());
  json.key("time").string(format_rfc3339(event.time));
  if (event.sent != kNoTime) {
    json.key("sent_at").string(format_rfc3339(event.sent));
  }
  json.key("received").string(format_rfc3339(event.received));
  json.key("place").string(
      fmt::format("{}/{}:{}", place.generation.value, place.partition.value, place.sequence.value));
  json.key("properties").raw(event.properties);
  if (!event.context.empty() && event.context != "{}") {
    json.key("context").raw(event.context);
  }
  return json.end_object().take();
}

Result<std::size_t> Tail::watch(const std::string& project, const std::optional<Filter>& where) {
  auto made = std::make_unique<Watch>(declared_);
  made->project = project;
  if (where) {
    MR_ASSIGN(EventFilter filter, EventFilter::compile(*where, made->reader));
    made->filter.emplace(std::move(filter));
  }
  std::lock_guard lock(mutex_);
  auto free = std::find(watches_.begin(), watches_.end(), nullptr);
  if (free == watches_.end()) {
    free = watches_.insert(watches_.end(), nullptr);
  }
  *free = std::move(made);
  watched_.fetch_add(1, std::memory_order_relaxed);
  return static_cast<std::size_t>(free - watches_.begin());
}

void Tail::unwatch(std::size_t number) {
  std::lock_guard lock(mutex_);
  watches_[number].reset();
  watched_.fetch_sub(1, std::memory_order_relaxed);
}

Tail::Sample Tail::take(std::size_t number) {
  std::lock_guard lock(mutex_);
  return std::exchange(watches_[number]->sample, {});
}

void Tail::offer(const EventView& event, PartitionId partition, SequenceNumber sequence) {
  std::lock_guard lock(mutex_);
  for (auto& watch : watches_) {
    if (watch == nullptr || event.project != watch->project ||
        (watch->filter && !watch->filter->matches(event, watch->reader.read(event)))) {
      continue;
    }
    if (watch->sample.events.size() < kSample) {
      watch->sample.events.push_back(event_json(event, {generation_, partition, sequence}));
    } else {
      ++watch->sample.left_out;
    }
  }
}

}  // namespace millrace
