#include "model/record.h"

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "base/check.h"
#include "model/property_index.h"

namespace millrace {

namespace {

std::uint16_t short_size(std::string_view text) {
  MR_CHECK(text.size() <= UINT16_MAX);
  return static_cast<std::uint16_t>(text.size());
}

struct Sizes {
  std::size_t event, user, anonymous, session, id, properties, context, index;

  std::size_t total() const { return event + user + anonymous + session + id + properties + context + index; }
};

Sizes read_sizes(ByteReader& from) {
  Sizes sizes{};
  sizes.event = from.number<std::uint16_t>();
  sizes.user = from.number<std::uint16_t>();
  sizes.anonymous = from.number<std::uint16_t>();
  sizes.session = from.number<std::uint16_t>();
  sizes.id = from.number<std::uint16_t>();
  sizes.properties = from.number<std::uint32_t>();
  sizes.context = from.number<std::uint32_t>();
  sizes.index = from.number<std::uint16_t>() * kPropertyIndexEntryBytes;
  return sizes;
}

}  // namespace

void begin_record(std::string& record, std::string_view project) {
  MR_CHECK(project.size() <= UINT8_MAX);
  record.push_back(static_cast<char>(kRecordVersion));
  record.push_back(static_cast<char>(project.size()));
  record.append(project);
}

void append_event(std::string& record, const EventView& event) {
  std::size_t count = event.property_index.size() / kPropertyIndexEntryBytes;
  MR_CHECK(count <= UINT16_MAX && event.property_index.size() % kPropertyIndexEntryBytes == 0);
  std::string_view texts[] = {event.event, event.user_id,    event.anonymous_id, event.session_id,
                              event.id,    event.properties, event.context,      event.property_index};
  std::size_t bytes = kRecordEventHeaderBytes;
  for (std::string_view text : texts) {
    bytes += text.size();
  }
  MR_CHECK(bytes <= UINT32_MAX);

  std::size_t begin = record.size();
  record.resize(begin + bytes);
  char* to = record.data() + begin;
  auto put = [&to](auto number) {
    store_le(to, number);
    to += sizeof number;
  };
  put(static_cast<std::uint32_t>(bytes - sizeof(std::uint32_t)));
  put(static_cast<std::uint8_t>(event.id_kind));
  put(event.time);
  put(event.sent);
  put(short_size(event.event));
  put(short_size(event.user_id));
  put(short_size(event.anonymous_id));
  put(short_size(event.session_id));
  put(short_size(event.id));
  put(static_cast<std::uint32_t>(event.properties.size()));
  put(static_cast<std::uint32_t>(event.context.size()));
  put(static_cast<std::uint16_t>(count));
  for (std::string_view text : texts) {
    to = put_text(to, text);
  }
}

RecordCursor::RecordCursor(std::string_view payload, TimeNs received) {
  ByteReader reader(payload);
  auto version = reader.number<std::uint8_t>();
  auto project_bytes = reader.number<std::uint8_t>();
  event_.project = reader.take(project_bytes);
  event_.received = received;
  rest_ = reader.rest();
  if (reader.ok() && version > kRecordVersion) {
    fail(invalid("this record has format version " + std::to_string(version) +
                 ", written by a newer millrace; this one reads up to version " + std::to_string(kRecordVersion)));
  } else if (!reader.ok() || version == 0) {
    fail(corrupt("the bytes do not begin like a record"));
  }
}

bool RecordCursor::next() {
  if (failed_ || rest_.empty()) {
    return false;
  }
  ByteReader all(rest_);
  ByteReader one(all.take(all.number<std::uint32_t>()));
  auto id_kind = one.number<std::uint8_t>();
  event_.time = one.number<std::int64_t>();
  event_.sent = one.number<std::int64_t>();
  Sizes sizes = read_sizes(one);
  if (!all.ok() || !one.ok() || id_kind > static_cast<std::uint8_t>(IdKind::kBatch) ||
      sizes.total() != one.rest().size()) {
    return fail(corrupt("an event's lengths do not fit its record"));
  }
  event_.id_kind = static_cast<IdKind>(id_kind);
  event_.event = one.take(sizes.event);
  event_.user_id = one.take(sizes.user);
  event_.anonymous_id = one.take(sizes.anonymous);
  event_.session_id = one.take(sizes.session);
  event_.id = one.take(sizes.id);
  event_.properties = one.take(sizes.properties);
  event_.context = one.take(sizes.context);
  event_.property_index = one.take(sizes.index);
  rest_ = all.rest();
  return true;
}

bool RecordCursor::fail(Error error) {
  failed_ = true;
  error_ = std::move(error);
  rest_ = {};
  return false;
}

Result<void> RecordCursor::status() const {
  if (failed_) {
    return error_;
  }
  return {};
}

}  // namespace millrace
