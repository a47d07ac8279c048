#include "base/json.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <simdjson.h>

namespace millrace {

// Walks simdjson's tree into ours: its DOM validates all of the text, UTF-8 included, before we see any of it.
struct JsonBuilder {
  static Result<Json> build(const simdjson::dom::element& from) {
    using Type = simdjson::dom::element_type;
    Json to;
    switch (from.type()) {
      case Type::NULL_VALUE:
        return to;
      case Type::BOOL:
        to.kind_ = Json::Kind::kBool;
        to.boolean_ = from.get_bool().value_unsafe();
        return to;
      case Type::STRING:
        to.kind_ = Json::Kind::kString;
        to.text_ = from.get_string().value_unsafe();
        return to;
      case Type::INT64:
      case Type::UINT64:
      case Type::DOUBLE:
        to.kind_ = Json::Kind::kNumber;
        to.number_ = from.get_double().value_unsafe();
        to.text_ = simdjson::minify(from);
        return to;
      case Type::ARRAY:
        return build_array(from, std::move(to));
      case Type::OBJECT:
        return build_object(from, std::move(to));
    }
    return to;
  }

 private:
  static Result<Json> build_array(const simdjson::dom::element& from, Json to) {
    to.kind_ = Json::Kind::kArray;
    simdjson::dom::array items = from.get_array().value_unsafe();
    for (simdjson::dom::element item : items) {
      MR_ASSIGN(Json built, build(item));
      to.items_.push_back(std::move(built));
    }
    return to;
  }

  static Result<Json> build_object(const simdjson::dom::element& from, Json to) {
    to.kind_ = Json::Kind::kObject;
    simdjson::dom::object members = from.get_object().value_unsafe();
    for (auto [key, value] : members) {
      if (to.find(key) != nullptr) {
        return invalid(fmt::format("the key \"{}\" is there twice in one object", key));
      }
      MR_ASSIGN(Json built, build(value));
      to.members_.emplace_back(std::string(key), std::move(built));
    }
    return to;
  }
};

Result<Json> Json::parse(std::string_view text) {
  simdjson::dom::parser parser;
  if (parser.allocate(text.size() + 1, 64) != simdjson::SUCCESS) {
    return full("no memory to read this JSON");
  }
  simdjson::padded_string padded(text);
  simdjson::dom::element root;
  if (auto error = parser.parse(padded).get(root); error != simdjson::SUCCESS) {
    return invalid(fmt::format("not JSON: {}", simdjson::error_message(error)));
  }
  return JsonBuilder::build(root);
}

std::optional<std::int64_t> Json::integer() const {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  if (kind_ == Kind::kNumber && error == std::errc() && end == text_.data() + text_.size()) {
    return value;
  }
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members_) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

void append_json_string(std::string& to, std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  to.push_back('"');
  bool utf8 = simdjson::validate_utf8(value.data(), value.size());
  std::size_t plain = 0;  // begin of what needs no escape
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto byte = static_cast<unsigned char>(value[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x80 || utf8)) {
      continue;
    }
    to.append(value, plain, i - plain);
    plain = i + 1;
    switch (byte) {
      case '"':
        to += "\\\"";
        break;
      case '\\':
        to += "\\\\";
        break;
      case '\n':
        to += "\\n";
        break;
      case '\t':
        to += "\\t";
        break;
      case '\r':
        to += "\\r";
        break;
      case '\b':
        to += "\\b";
        break;
      case '\f':
        to += "\\f";
        break;
      default:
        if (byte < 0x20) {
          to += "\\u00";
          to.push_back(kHex[byte >> 4]);
          to.push_back(kHex[byte & 15]);
        } else {
          to += "\xEF\xBF\xBD";  // U+FFFD for each byte above ASCII of a string that isn't UTF-8
        }
    }
  }
  to.append(value, plain);
  to.push_back('"');
}

void JsonWriter::separate() {
  if (!first_ && !after_key_) {
    text_.push_back(',');
  }
  first_ = false;
  after_key_ = false;
}

JsonWriter& JsonWriter::begin_object() {
  separate();
  text_.push_back('{');
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  text_.push_back('}');
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  separate();
  text_.push_back('[');
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  text_.push_back(']');
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view key) {
  separate();
  append_json_string(text_, key);
  text_.push_back(':');
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
  separate();
  append_json_string(text_, value);
  return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t value) { return raw(fmt::format_int(value).c_str()); }
JsonWriter& JsonWriter::unsigned_integer(std::uint64_t value) { return raw(fmt::format_int(value).c_str()); }
JsonWriter& JsonWriter::boolean(bool value) { return raw(value ? "true" : "false"); }
JsonWriter& JsonWriter::null() { return raw("null"); }
JsonWriter& JsonWriter::number(double value) { return std::isfinite(value) ? raw(fmt::format("{}", value)) : null(); }

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  text_.append(json);
  return *this;
}

JsonWriter& JsonWriter::value(const Json& json) {
  switch (json.kind()) {
    case Json::Kind::kNull:
      return null();
    case Json::Kind::kBool:
      return boolean(json.boolean());
    case Json::Kind::kNumber:
      return raw(json.text());
    case Json::Kind::kString:
      return string(json.text());
    case Json::Kind::kArray:
      begin_array();
      for (const Json& item : json.items()) {
        value(item);
      }
      return end_array();
    case Json::Kind::kObject:
      begin_object();
      for (const auto& [name, member] : json.members()) {
        key(name).value(member);
      }
      return end_object();
  }
  return *this;
}

}  // namespace millrace
