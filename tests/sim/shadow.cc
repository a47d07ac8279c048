#include "shadow.h"

#include <cstdlib>

#include <fmt/format.h>

#include "process/log_cursor.h"

namespace millrace {
namespace {

std::uint64_t number_in(std::string_view properties) {
  std::size_t at = properties.find("\"n\":");
  return at == std::string_view::npos ? UINT64_MAX : std::strtoull(properties.data() + at + 4, nullptr, 10);
}

}  // namespace

std::optional<std::string> Shadow::take(const EventView& event, std::uint64_t place, std::uint64_t record) {
  ShadowEvent seen{number_in(event.properties), event.time, event.received, record, std::string(event.properties)};
  if (place < events_.size()) {
    const ShadowEvent& known = events_[place];
    bool same = known.number == seen.number && known.received == seen.received && known.properties == seen.properties;
    return same ? std::nullopt
                : std::optional(fmt::format("place {} of the log held event {}, now it holds {}", place, known.number,
                                            seen.number));
  }
  if (seen.number >= ledger_.events.size()) {
    return fmt::format("place {} of the log holds an event that nobody sent", place);
  }
  const SentEvent& sent = ledger_.events[seen.number];
  bool same = sent.valid && ledger_.requests[sent.request].readable && event.project == "p" &&
              event.event == sent.event && event.user_id == sent.user_id && event.anonymous_id == sent.anonymous_id &&
              event.id_kind == sent.id_kind && event.id == sent.id && (sent.time == kNoTime || sent.time == event.time);
  if (!same) {
    return fmt::format("place {} of the log holds event {} with other contents than were sent", place, seen.number);
  }
  events_.push_back(std::move(seen));
  return std::nullopt;
}

std::optional<std::string> Shadow::look(Stream& stream, PartitionId partition, bool again) {
  PartitionState state = stream.state(partition);
  if (state.durable_end.value < events_.size()) {
    return fmt::format("the log of partition {} ends at {}, {} events were durable", partition.value,
                       state.durable_end.value, events_.size());
  }
  SequenceNumber from(again ? state.begin.value : events_.size());
  if (from == state.durable_end) {
    return std::nullopt;
  }
  if (state.begin.value > events_.size()) {
    return fmt::format("the log begins at {}, {} events were seen", state.begin.value, events_.size());
  }
  Result<std::unique_ptr<StreamReader>> reader = stream.reader(partition, from);
  std::uint64_t at = from.value;
  while (at < state.durable_end.value) {
    Result<StreamEntry> entry = (*reader)->next();
    if (!entry.ok() || entry->damaged) {
      return fmt::format("the log of partition {} can't be read at {}: {}", partition.value, at,
                         entry.ok() ? "damaged" : entry.error().message);
    }
    std::optional<std::string> wrong;
    Result<EntryPart> part =
        for_each_event(*entry, SequenceNumber(at), entry->range.end, [&](const EventView& event, SequenceNumber place) {
          wrong = take(event, place.value, entry->range.begin.value);
          return !wrong;
        });
    if (wrong || !part.ok() || !part->readable) {
      return wrong ? wrong : fmt::format("a record at {} can't be read", at);
    }
    at = part->next.value;
  }
  return std::nullopt;
}

}  // namespace millrace
