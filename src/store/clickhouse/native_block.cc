#include "store/clickhouse/native_block.h"

#include <algorithm>
#include <functional>

namespace millrace::clickhouse {
namespace {

// LowCardinality: keys are in the block itself ("additional keys"), the dictionary is new in every block.
constexpr std::uint64_t kSharedDictionaries = 1;
constexpr std::uint64_t kHasAdditionalKeys = 1u << 9;
constexpr std::uint64_t kNeedUpdateDictionary = 1u << 10;

template <typename Index>
void append_indexes(std::string& to, const std::vector<std::uint32_t>& indexes) {
  std::size_t at = to.size();
  to.resize(at + indexes.size() * sizeof(Index));
  for (std::size_t row = 0; row < indexes.size(); ++row) {
    store_le(to.data() + at + row * sizeof(Index), static_cast<Index>(indexes[row]));
  }
}

}  // namespace

void append_varuint(std::string& to, std::uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<char>(value));
}

void NativeBlock::begin(std::size_t columns, std::size_t rows) {
  bytes_.clear();
  rows_ = rows;
  append_varuint(bytes_, columns);
  append_varuint(bytes_, rows);
}

void NativeBlock::header(std::string_view name, std::string_view type) {
  append_varuint(bytes_, name.size());
  bytes_.append(name);
  append_varuint(bytes_, type.size());
  bytes_.append(type);
}

void NativeBlock::string_values(const StringColumn& column, std::size_t begin) {
  if (rows_ == 0) return;
  std::uint32_t first = begin == 0 ? 0 : column.ends[begin - 1];
  std::size_t at = bytes_.size();
  bytes_.resize(at + (column.ends[begin + rows_ - 1] - first) + rows_ * 5);  // a length takes at most 5 bytes
  char* to = bytes_.data() + at;
  const char* from = column.bytes.data();
  for (std::size_t row = begin; row < begin + rows_; ++row) {
    std::uint32_t size = column.ends[row] - first;
    std::uint32_t rest = size;
    for (; rest >= 0x80; rest >>= 7) *to++ = static_cast<char>(rest | 0x80);
    *to++ = static_cast<char>(rest);
    std::memcpy(to, from + first, size);
    to += size;
    first = column.ends[row];
  }
  bytes_.resize(static_cast<std::size_t>(to - bytes_.data()));
}

void NativeBlock::strings(std::string_view name, const StringColumn& column, std::size_t begin) {
  header(name, "String");
  string_values(column, begin);
}

void NativeBlock::nullable_strings(std::string_view name, std::string_view nulls, const StringColumn& column) {
  header(name, "Nullable(String)");
  bytes_.append(nulls);
  string_values(column, 0);
}

void NativeBlock::grow_slots() {
  slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), Slot());
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    std::size_t at = std::hash<std::string_view>()(keys_[key]) & (slots_.size() - 1);
    while (slots_[at].used) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {keys_[key], static_cast<std::uint32_t>(key), true};
  }
}

std::uint32_t NativeBlock::key_of(std::string_view text) {
  if (keys_.size() * 2 >= slots_.size()) grow_slots();
  std::size_t at = std::hash<std::string_view>()(text) & (slots_.size() - 1);
  for (; slots_[at].used; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].text == text) return slots_[at].key;
  }
  slots_[at] = {text, static_cast<std::uint32_t>(keys_.size()), true};
  keys_.push_back(text);
  return slots_[at].key;
}

void NativeBlock::low_cardinality(std::string_view name, const StringColumn& column, std::size_t begin) {
  keys_.clear();
  indexes_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot());
  std::string_view last;
  std::uint32_t last_key = 0;
  for (std::size_t row = begin; row < begin + rows_; ++row) {
    std::string_view text = column.at(row);
    if (keys_.empty() || text != last) {  // neighbours are often the same
      last_key = key_of(text);
      last = text;
    }
    indexes_.push_back(last_key);
  }
  header(name, "LowCardinality(String)");
  append_le(bytes_, kSharedDictionaries);
  std::uint64_t width = keys_.size() <= 0x100 ? 0 : keys_.size() <= 0x10000 ? 1 : 2;
  append_le(bytes_, width | kHasAdditionalKeys | kNeedUpdateDictionary);
  append_le(bytes_, static_cast<std::uint64_t>(keys_.size()));
  for (std::string_view key : keys_) {
    append_varuint(bytes_, key.size());
    bytes_.append(key);
  }
  append_le(bytes_, static_cast<std::uint64_t>(rows_));
  if (width == 0) append_indexes<std::uint8_t>(bytes_, indexes_);
  if (width == 1) append_indexes<std::uint16_t>(bytes_, indexes_);
  if (width == 2) append_indexes<std::uint32_t>(bytes_, indexes_);
}

}  // namespace millrace::clickhouse
