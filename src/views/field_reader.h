#pragma once
// Reads the fields that views look at out of an event, each once, whatever number of views look at it. What to look for
// is worked out ahead; reading walks the event's property index once and allocates nothing in the steady state.

#include <cstddef>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/property_index.h"
#include "views/field_value.h"
#include "views/view.h"

namespace millrace {

class FieldReader {
 public:
  explicit FieldReader(std::vector<DeclaredField> declared = {}) : declared_(std::move(declared)) {}

  struct Needs {
    bool text = false;
    bool number = false;
    bool hash = false;
  };
  // The number of the field; the same for the same field. A field is read for as long as somebody needs it.
  std::size_t add(const FieldRef& field, Needs needs);
  void release(std::size_t field);

  // By number; valid until the next call, and as long as the event's text.
  const FieldValue* read(const EventView& event);

 private:
  enum class Source {
    kEvent,
    kUser,
    kAnonymous,
    kSession,
    kVisitor,
    kMessage,
    kTime,
    kReceived,
    kProperty,  // found by the property index
    kContext
  };
  enum class Type { kJson, kInteger, kNumber, kString, kBoolean };
  struct Field {
    FieldRef ref;
    Source source = Source::kEvent;
    Type type = Type::kJson;
    Needs needs;
    std::vector<std::string> path;  // escaped, without the part that the property index finds
    std::size_t users = 0;
    std::string buffer;  // of a text that isn't in the event as it is
  };
  struct Key {
    std::string key;  // escaped
    std::vector<std::size_t> fields;
  };
  void read_base(const Field& field, FieldValue& value, const EventView& event);
  void read_json(Field& field, FieldValue& value, std::string_view json);
  void read_time(Field& field, FieldValue& value, TimeNs time);
  void plan();

  std::vector<DeclaredField> declared_;
  std::vector<Field> fields_;
  std::vector<FieldValue> values_;
  std::vector<std::size_t> base_, times_, context_, of_properties_;
  std::vector<Key> keys_;
};

}  // namespace millrace
