#include "views/field_reader.h"

#include <algorithm>
#include <cstring>

#include "base/append_format.h"
#include "base/check.h"
#include "model/json_value.h"
#include "views/field_hash.h"

namespace millrace {
namespace {

constexpr std::string_view kBaseFields[] = {"event",   "user_id",    "anonymous_id", "session_id",
                                            "visitor", "message_id", "time",         "received"};

bool same_field(const FieldRef& a, const FieldRef& b) {
  return a.kind == b.kind && a.base == b.base && a.path == b.path;
}

// Most numbers are short and whole.
bool short_integer(std::string_view json, double& number) {
  bool negative = json[0] == '-';
  std::string_view digits = json.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 15) {
    return false;
  }
  std::int64_t value = 0;
  for (char digit : digits) {
    if (digit < '0' || digit > '9') {
      return false;
    }
    value = value * 10 + (digit - '0');
  }
  number = static_cast<double>(negative ? -value : value);
  return true;
}

}  // namespace

std::size_t FieldReader::add(const FieldRef& field, Needs needs) {
  std::size_t free = fields_.size();
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Field& known = fields_[i];
    if (known.users > 0 && same_field(known.ref, field)) {
      ++known.users;
      known.needs = {known.needs.text || needs.text, known.needs.number || needs.number,
                     known.needs.hash || needs.hash};
      return i;
    }
    free = known.users == 0 ? std::min(free, i) : free;
  }
  if (free == fields_.size()) {
    fields_.emplace_back();
    values_.emplace_back();
  }
  Field& added = fields_[free];
  added = Field{};
  added.ref = field;
  added.needs = needs;
  added.users = 1;
  if (field.kind == FieldRef::Kind::kBase) {
    const auto* found = std::find(std::begin(kBaseFields), std::end(kBaseFields), field.base);
    MR_CHECK(found != std::end(kBaseFields));
    added.source = static_cast<Source>(found - std::begin(kBaseFields));
  } else {
    added.source = field.kind == FieldRef::Kind::kProperty ? Source::kProperty : Source::kContext;
    added.path = escape_path(field.path);
    for (const DeclaredField& declared : declared_) {
      if (field.kind == FieldRef::Kind::kProperty && declared.path == field.path) {
        added.type = static_cast<Type>(static_cast<int>(declared.type) + 1);
      }
    }
  }
  plan();
  return free;
}

void FieldReader::release(std::size_t field) {
  if (--fields_[field].users == 0) {
    plan();
  }
}

void FieldReader::plan() {
  for (auto* list : {&base_, &times_, &context_, &of_properties_}) {
    list->clear();
  }
  keys_.clear();
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const Field& field = fields_[i];
    values_[i] = {};
    if (field.users == 0) {
      continue;
    }
    if (field.source == Source::kContext) {
      context_.push_back(i);
    } else if (field.source == Source::kTime || field.source == Source::kReceived) {
      times_.push_back(i);
    } else if (field.source != Source::kProperty) {
      base_.push_back(i);
    } else {
      of_properties_.push_back(i);
      std::string key = escape_path({field.ref.path[0]})[0];
      auto same = [&](const Key& known) { return known.key == key; };
      auto found = std::find_if(keys_.begin(), keys_.end(), same);
      if (found == keys_.end()) {
        found = keys_.insert(keys_.end(), Key{key, {}});
      }
      found->fields.push_back(i);
    }
  }
  for (std::size_t i : of_properties_) {
    std::vector<std::string> path = escape_path(fields_[i].ref.path);
    fields_[i].path.assign(path.begin() + 1, path.end());
  }
}

void FieldReader::read_base(const Field& field, FieldValue& value, const EventView& event) {
  switch (field.source) {
    case Source::kEvent:
      value.text = event.event;
      break;
    case Source::kUser:
      value.text = event.user_id;
      break;
    case Source::kAnonymous:
      value.text = event.anonymous_id;
      break;
    case Source::kSession:
      value.text = event.session_id;
      break;
    case Source::kVisitor:
      value.text = event.visitor();
      break;
    default:
      value.text = event.id_kind == IdKind::kMessage ? event.id : std::string_view();
  }
  value.present = !value.text.empty() || field.source == Source::kEvent;
  if (field.needs.hash) {
    value.hash = field_hash(value.text);
  }
}

void FieldReader::read_time(Field& field, FieldValue& value, TimeNs time) {
  TimeNs ms = time / 1'000'000 - (time % 1'000'000 < 0 ? 1 : 0);
  value.present = value.numeric = true;
  value.number = static_cast<double>(ms);
  if (field.needs.text || field.needs.hash) {
    field.buffer.clear();
    append_format(field.buffer, "{}", ms);
    value.text = field.buffer;
    value.hash = field_hash(value.text);
  }
}

// As src/store/clickhouse/property_column.h has it.
void FieldReader::read_json(Field& field, FieldValue& value, std::string_view json) {
  if (json.empty() || json == "null") {
    return;
  }
  bool digits = json[0] == '-' || (json[0] >= '0' && json[0] <= '9');
  if (field.type == Type::kBoolean ? json[0] != 't' && json[0] != 'f'
                                   : !digits && (field.type == Type::kInteger || field.type == Type::kNumber)) {
    return;
  }
  if (digits && field.needs.number && field.type != Type::kString) {
    value.numeric = short_integer(json, value.number);
    if (!value.numeric) {
      std::optional<double> number = number_value(json);
      value.numeric = number.has_value();
      value.number = number.value_or(0);
    }
  }
  if (field.type == Type::kInteger) {
    std::optional<std::int64_t> whole = integer_value(json);
    if (!whole) {
      value = {};
      return;
    }
    field.buffer.clear();
    append_format(field.buffer, "{}", *whole);
    json = field.buffer;
  }
  value.present = true;
  if (!field.needs.text && !field.needs.hash) {
    return;
  }
  if (json[0] == '"' && json.find('\\') == std::string_view::npos) {
    value.text = json.substr(1, json.size() - 2);
  } else if (json[0] == '"' || (digits && json.find_first_of(".eE") != std::string_view::npos)) {
    field.buffer.clear();
    value.present = append_text_value(json, field.buffer);
    value.text = field.buffer;
  } else {
    value.text = json;
  }
  if (field.needs.hash) {
    value.hash = field_hash(value.text);
  }
}

const FieldValue* FieldReader::read(const EventView& event) {
  for (std::size_t i : base_) {
    read_base(fields_[i], values_[i], event);
  }
  for (std::size_t i : times_) {
    read_time(fields_[i], values_[i], fields_[i].source == Source::kTime ? event.time : event.received);
  }
  for (std::size_t i : context_) {
    values_[i] = {};
    if (std::optional<std::string_view> json = find_json(event.context, fields_[i].path)) {
      read_json(fields_[i], values_[i], *json);
    }
  }
  if (keys_.empty()) {
    return values_.data();
  }
  for (std::size_t i : of_properties_) {
    values_[i].present = values_[i].numeric = false;
  }
  for (PropertyCursor at(event.properties, event.property_index); at.next();) {
    const Property& property = at.property();
    for (const Key& key : keys_) {
      if (key.key.size() != property.key.size() ||
          std::memcmp(key.key.data(), property.key.data(), key.key.size()) != 0) {
        continue;
      }
      for (std::size_t i : key.fields) {
        std::optional<std::string_view> json = property.value;
        if (!fields_[i].path.empty()) {
          json = find_json(property.value, fields_[i].path);
        }
        if (json) {
          read_json(fields_[i], values_[i], *json);
        }
      }
      break;
    }
  }
  return values_.data();
}

}  // namespace millrace
