#include "model/row_hash.h"

#include <memory>

#include "base/byte_buffer.h"
#include "base/decimal.h"
#include "base/xxh.h"

namespace millrace {

namespace {

constexpr char kEndOfColumn = 0x1f;
constexpr std::size_t kNumbersRoom = 6 * (kDecimalRoom + 1);

// The numeric columns, each followed by kEndOfColumn. Returns one past the last byte.
char* write_numbers(char* to, const EventView& event, const Place& place) {
  auto put = [&to](auto number) {
    to = put_decimal(to, number);
    *to++ = kEndOfColumn;
  };
  put(event.time);
  put(event.sent == kNoTime ? TimeNs{0} : event.sent);
  put(event.received);
  put(std::uint64_t{place.generation.value});
  put(std::uint64_t{place.partition.value});
  put(place.sequence.value);
  return to;
}

}  // namespace

std::uint64_t row_hash(const EventView& event, const Place& place) {
  std::string_view texts[] = {event.project,      event.event,      event.user_id,
                              event.anonymous_id, event.session_id, event.id_kind == IdKind::kMessage ? event.id : "",
                              event.properties,   event.context};
  std::size_t bytes = kNumbersRoom;
  for (std::string_view text : texts) {
    bytes += text.size() + 1;
  }
  // One pass over one buffer is several times faster than XXH3's streaming state for rows of ordinary size.
  char on_stack[2048];
  std::unique_ptr<char[]> on_heap;
  char* row = on_stack;
  if (bytes > sizeof on_stack) {
    on_heap = std::make_unique_for_overwrite<char[]>(bytes);
    row = on_heap.get();
  }
  char* to = row;
  for (std::string_view text : texts) {
    to = put_text(to, text);
    *to++ = kEndOfColumn;
  }
  to = write_numbers(to, event, place);
  return XXH3_64bits(row, static_cast<std::size_t>(to - row));
}

}  // namespace millrace
