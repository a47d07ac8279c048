#include "base/settings_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "base/utf8.h"

namespace millrace::settings_detail {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, so that formatting takes the first that divides.
constexpr std::array<Unit, 9> kByteUnits = {{{"TiB", 1ull << 40},
                                             {"TB", 1'000'000'000'000},
                                             {"GiB", 1ull << 30},
                                             {"GB", 1'000'000'000},
                                             {"MiB", 1ull << 20},
                                             {"MB", 1'000'000},
                                             {"KiB", 1ull << 10},
                                             {"KB", 1'000},
                                             {"B", 1}}};
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// A whole number, the rest of `text` behind it left in `rest`.
std::optional<std::uint64_t> leading_number(std::string_view text, std::string_view& rest) {
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return std::nullopt;
  }
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

template <std::size_t kCount>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, kCount>& units,
                                             std::uint64_t most) {
  std::string_view name;
  std::optional<std::uint64_t> number = leading_number(text, name);
  auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& each) { return each.name == name; });
  if (!number || unit == units.end() || *number > most / unit->factor) {
    return std::nullopt;
  }
  return *number * unit->factor;
}

template <std::size_t kCount>
std::string format_with_unit(std::uint64_t number, const std::array<Unit, kCount>& units) {
  auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& each) { return number % each.factor == 0; });
  return fmt::format("{}{}", number / unit->factor, unit->name);
}

// "1..64" of any numbers that `read` understands.
template <typename Number, typename Read>
bool within(std::string_view bounds, Number number, const Read& read) {
  std::size_t dots = bounds.find("..");
  if (dots == std::string_view::npos) {
    return true;
  }
  auto least = read(bounds.substr(0, dots));
  auto most = read(bounds.substr(dots + 2));
  return (!least || number >= *least) && (!most || number <= *most);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

bool is_choice(std::string_view choices, std::string_view text) {
  while (!choices.empty()) {
    std::string_view choice = choices.substr(0, choices.find('|'));
    if (choice == text) {
      return true;
    }
    choices.remove_prefix(std::min(choices.size(), choice.size() + 1));
  }
  return false;
}

std::string hide_password(std::string_view url) {
  std::size_t scheme = url.find("://");
  std::size_t user = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view authority = url.substr(user, url.find('/', user) - user);
  std::size_t at = authority.rfind('@');
  std::size_t colon = authority.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > at) {
    return std::string(url);
  }
  return fmt::format("{}***{}", url.substr(0, user + colon + 1), url.substr(user + at));
}

template <typename Number, typename Read>
std::optional<Value> parse_bounded(const SettingInfo& info, std::string_view text, const Read& read) {
  std::optional<Number> number = read(text);
  return number && within(info.bounds, *number, read) ? std::optional<Value>(*number) : std::nullopt;
}

std::optional<Value> parse_any(const SettingInfo& info, std::string_view text) {
  switch (info.type) {
    case SettingType::kText:
    case SettingType::kSecret:
    case SettingType::kUrl: {
      bool fits = within(info.bounds, static_cast<std::int64_t>(text.size()), parse_integer);
      return fits ? std::optional<Value>(std::string(text)) : std::nullopt;
    }
    case SettingType::kChoice:
      return is_choice(info.bounds, text) ? std::optional<Value>(std::string(text)) : std::nullopt;
    case SettingType::kBool: {
      std::optional<bool> boolean = parse_bool(text);
      return boolean ? std::optional<Value>(*boolean) : std::nullopt;
    }
    case SettingType::kInteger:
      return parse_bounded<std::int64_t>(info, text, parse_integer);
    case SettingType::kBytes:
      return parse_bounded<std::uint64_t>(info, text, parse_bytes);
    case SettingType::kDuration:
      return parse_bounded<std::chrono::milliseconds>(info, text, parse_duration);
  }
  return std::nullopt;
}

std::string describe_bounds(std::string_view bounds) {
  std::size_t dots = bounds.find("..");
  if (dots == std::string_view::npos) {
    return {};
  }
  std::string_view least = bounds.substr(0, dots);
  std::string_view most = bounds.substr(dots + 2);
  if (most.empty()) {
    return fmt::format(", {} or more", least);
  }
  return least.empty() ? fmt::format(", at most {}", most) : fmt::format(", {} to {}", least, most);
}

std::string describe_choices(std::string_view choices) {
  std::string text(choices);
  for (std::size_t bar = text.find('|'); bar != std::string::npos; bar = text.find('|')) {
    text.replace(bar, 1, text.find('|', bar + 1) == std::string::npos ? " or " : ", ");
  }
  return text;
}

// The fewest insertions, deletions and replacements of one character that make `a` into `b`, or `enough` when they are
// that many or more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t enough) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    std::size_t least = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      least = std::min(least, row[j]);
    }
    if (least >= enough) return enough;  // no row has less than the one before it
  }
  return std::min(row.back(), enough);
}

using Member = std::variant<std::string SettingValues::*, bool SettingValues::*, std::int64_t SettingValues::*,
                            std::uint64_t SettingValues::*, std::chrono::milliseconds SettingValues::*>;

const Member kMembers[] = {
#define MR_SETTING(type, member, path, default_text, bounds, description) &SettingValues::member,
#include "base/settings_table.inc"
#undef MR_SETTING
};

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::string_view rest;
  std::optional<std::uint64_t> plain = leading_number(text, rest);
  if (plain && rest.empty()) {
    return plain;
  }
  return parse_with_unit(text, kByteUnits, std::numeric_limits<std::uint64_t>::max());
}

std::string format_bytes(std::uint64_t bytes) { return bytes == 0 ? "0B" : format_with_unit(bytes, kByteUnits); }

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  // A hundred years: far from what nanoseconds in 64 bits can hold.
  std::optional<std::uint64_t> ms = parse_with_unit(text, kTimeUnits, 36'525ull * 86'400'000);
  return ms ? std::optional(std::chrono::milliseconds(*ms)) : std::nullopt;
}

std::string format_duration(std::chrono::milliseconds duration) {
  return duration.count() == 0 ? "0s" : format_with_unit(static_cast<std::uint64_t>(duration.count()), kTimeUnits);
}

Result<Value> parse_value(const SettingInfo& info, std::string_view text) {
  // The environment and flags may hold any bytes; what the file could not say would not be printed as one either.
  if (!is_utf8(text)) return invalid("must be UTF-8");
  std::optional<Value> value = parse_any(info, text);
  if (!value) {
    std::string shown = info.type == SettingType::kSecret ? std::string("what it is") : fmt::format("\"{}\"", text);
    if (info.type == SettingType::kUrl) {
      shown = fmt::format("\"{}\"", hide_password(text));
    }
    return invalid(fmt::format("must be {}, not {}", describe_type(info), shown));
  }
  return *std::move(value);
}

std::string format_value(const SettingInfo& info, const Value& value) {
  switch (info.type) {
    case SettingType::kText:
    case SettingType::kChoice:
      return std::get<std::string>(value);
    case SettingType::kSecret:
      return std::get<std::string>(value).empty() ? "" : "***";
    case SettingType::kUrl:
      return hide_password(std::get<std::string>(value));
    case SettingType::kBool:
      return std::get<bool>(value) ? "true" : "false";
    case SettingType::kInteger:
      return std::to_string(std::get<std::int64_t>(value));
    case SettingType::kBytes:
      return format_bytes(std::get<std::uint64_t>(value));
    case SettingType::kDuration:
      return format_duration(std::get<std::chrono::milliseconds>(value));
  }
  return {};
}

std::string describe_type(const SettingInfo& info) {
  switch (info.type) {
    case SettingType::kText:
    case SettingType::kSecret:
    case SettingType::kUrl: {
      std::string bounds = describe_bounds(info.bounds);
      return (info.type == SettingType::kUrl ? "a URL" : "text") + (bounds.empty() ? "" : bounds + " bytes long");
    }
    case SettingType::kChoice:
      return describe_choices(info.bounds);
    case SettingType::kBool:
      return "true or false";
    case SettingType::kInteger:
      return "an integer" + describe_bounds(info.bounds);
    case SettingType::kBytes:
      return "a size such as 64MiB or 64MB" + describe_bounds(info.bounds);
    case SettingType::kDuration:
      return "a duration such as 400ms, 10s or 7d" + describe_bounds(info.bounds);
  }
  return {};
}

void assign(SettingValues& values, std::size_t index, Value value) {
  std::visit(
      [&](auto member) {
        using Type = std::remove_reference_t<decltype(values.*member)>;
        values.*member = std::get<Type>(std::move(value));
      },
      kMembers[index]);
}

Value value_of(const SettingValues& values, std::size_t index) {
  return std::visit([&](auto member) { return Value(values.*member); }, kMembers[index]);
}

std::optional<std::size_t> find_setting(std::string_view path) {
  std::span<const SettingInfo> table = setting_table();
  auto found = std::find_if(table.begin(), table.end(), [&](const SettingInfo& info) { return info.path == path; });
  return found == table.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - table.begin()));
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::string* nearest = nullptr;
  std::size_t least = std::clamp<std::size_t>(name.size() / 3, 2, 6) + 1;
  for (const std::string& each : known) {
    // So many letters differ at least; what is far longer than every name costs nothing.
    std::size_t longer = std::max(name.size(), each.size()) - std::min(name.size(), each.size());
    if (longer >= least) continue;
    std::size_t distance = edit_distance(name, each, least);
    if (distance < least) {
      least = distance;
      nearest = &each;
    }
  }
  return nearest == nullptr ? "" : fmt::format("; did you mean \"{}\"?", *nearest);
}

}  // namespace millrace::settings_detail
