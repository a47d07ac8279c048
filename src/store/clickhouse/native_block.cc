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
void append_indexes(ByteBuffer& bytes, const std::vector<std::uint32_t>& indexes) {
  char* to = bytes.room(indexes.size() * sizeof(Index));
  for (std::uint32_t index : indexes) {
    store_le(to, static_cast<Index>(index));
    to += sizeof(Index);
  }
  bytes.taken(to);
}

constexpr std::size_t kVaruintBytesMax = 10;
constexpr std::size_t kLengthBytesMax = 5;  // of a text below 4 GB

char* put_varuint(char* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

char* append_text(char* to, std::string_view text) { return put_text(put_varuint(to, text.size()), text); }

}  // namespace

void NativeBlock::varuint(std::uint64_t value) { bytes_.taken(put_varuint(bytes_.room(kVaruintBytesMax), value)); }

void NativeBlock::length_and_text(std::string_view text) {
  bytes_.taken(append_text(bytes_.room(kLengthBytesMax + text.size()), text));
}

void NativeBlock::begin(std::size_t columns, std::span<const std::uint32_t> rows) {
  bytes_.clear();
  rows_ = rows;
  varuint(columns);
  varuint(rows.size());
}

void NativeBlock::header(std::string_view name, std::string_view type) {
  length_and_text(name);
  length_and_text(type);
}

void NativeBlock::strings_of(std::string_view name, const StringColumn& column) {
  constexpr std::size_t kAhead = 12;  // rows whose text is on its way to the cache
  header(name, "String");
  char* to = bytes_.room(column.bytes.size() + rows_.size() * kLengthBytesMax);
  if (column.bytes.empty()) {  // nobody has it
    std::fill_n(to, rows_.size(), '\0');
    return bytes_.taken(to + rows_.size());
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i + kAhead < rows_.size()) {
      std::uint32_t ahead = rows_[i + kAhead];
      __builtin_prefetch(column.bytes.data() + (ahead == 0 ? 0 : column.ends[ahead - 1]));
    }
    to = append_text(to, column.at(rows_[i]));
  }
  bytes_.taken(to);
}

void NativeBlock::nullable_strings(std::string_view name, std::string_view nulls, const StringColumn& column) {
  header(name, "Nullable(String)");
  bytes_.append(nulls);
  char* to = bytes_.room(column.bytes.size() + rows_.size() * kLengthBytesMax);
  for (std::size_t row = 0; row < rows_.size(); ++row) to = append_text(to, column.at(row));
  bytes_.taken(to);
}

void NativeBlock::grow_slots() {
  slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), Slot());
  for (std::size_t key = first_key_; key < keys_.size(); ++key) {
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

void NativeBlock::begin_keys(std::size_t without_slot) {
  keys_.assign(without_slot, std::string_view());
  first_key_ = without_slot;
  indexes_.clear();
  std::fill(slots_.begin(), slots_.end(), Slot());
}

void NativeBlock::low_cardinality_of(std::string_view name, const StringColumn& column) {
  begin_keys(0);
  std::string_view last;
  std::uint32_t last_key = 0;
  for (std::uint32_t row : rows_) {
    std::string_view text = column.at(row);
    if (keys_.empty() || text != last) {  // neighbours are often the same
      last_key = key_of(text);
      last = text;
    }
    indexes_.push_back(last_key);
  }
  header(name, "LowCardinality(String)");
  low_cardinality_values();
}

void NativeBlock::nullable_low_cardinality(std::string_view name, std::string_view nulls, const StringColumn& column) {
  begin_keys(1);  // an empty text has a key of its own
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    indexes_.push_back(nulls[row] != 0 ? 0 : key_of(column.at(row)));
  }
  header(name, "LowCardinality(Nullable(String))");
  low_cardinality_values();
}

void NativeBlock::low_cardinality_values() {
  bytes_.append_number(kSharedDictionaries);
  std::uint64_t width = keys_.size() <= 0x100 ? 0 : keys_.size() <= 0x10000 ? 1 : 2;
  bytes_.append_number(width | kHasAdditionalKeys | kNeedUpdateDictionary);
  bytes_.append_number(static_cast<std::uint64_t>(keys_.size()));
  for (std::string_view key : keys_) length_and_text(key);
  bytes_.append_number(static_cast<std::uint64_t>(rows_.size()));
  if (width == 0) append_indexes<std::uint8_t>(bytes_, indexes_);
  if (width == 1) append_indexes<std::uint16_t>(bytes_, indexes_);
  if (width == 2) append_indexes<std::uint32_t>(bytes_, indexes_);
}

}  // namespace millrace::clickhouse
