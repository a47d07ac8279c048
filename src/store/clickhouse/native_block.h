#pragma once
// A block of columns in ClickHouse's Native format, as its HTTP interface takes it (no block info, protocol revision
// 0): varuint columns, varuint rows, then for each column its name and type as strings (varuint length, bytes) and its
// values. Source of the layouts: https://clickhouse.com/docs/interfaces/specs/native-protocol/columns. Checked by
// reading back.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "model/batch.h"

namespace millrace::clickhouse {

// begin(), then exactly `columns` calls of the others, each of which writes one column of `rows` values.
class NativeBlock {
 public:
  // `rows`: which rows of a batch the block holds, in which order. They must stay until the block is done.
  void begin(std::size_t columns, std::span<const std::uint32_t> rows);

  // Values that are in the block's order already. Times are their ticks.
  template <typename Number>
  void numbers(std::string_view name, std::string_view type, std::span<const Number> values) {
    header(name, type);
    raw(values);
  }
  // One value for every row.
  template <typename Number>
  void constant(std::string_view name, std::string_view type, Number value) {
    header(name, type);
    char* to = bytes_.room(rows_.size() * sizeof value);
    for (std::size_t row = 0; row < rows_.size(); ++row, to += sizeof value) store_le(to, value);
    bytes_.taken(to);
  }
  // The block's rows of a batch's column.
  template <typename Number>
  void numbers_of(std::string_view name, std::string_view type, const std::vector<Number>& column) {
    header(name, type);
    char* to = bytes_.room(rows_.size() * sizeof(Number));
    for (std::uint32_t row : rows_) {
      store_le(to, column[row]);
      to += sizeof(Number);
    }
    bytes_.taken(to);
  }
  void strings_of(std::string_view name, const StringColumn& column);
  void low_cardinality_of(std::string_view name, const StringColumn& column);

  // A Nullable column: one byte a row (1 is NULL), then a value for every row.
  template <typename Number>
  void nullable_numbers(std::string_view name, std::string_view type, std::string_view nulls,
                        std::span<const Number> values) {
    header(name, type);
    bytes_.append(nulls);
    raw(values);
  }
  void nullable_strings(std::string_view name, std::string_view nulls, const StringColumn& column);
  // LowCardinality(Nullable(String)): the first key of the dictionary stands for NULL.
  void nullable_low_cardinality(std::string_view name, std::string_view nulls, const StringColumn& column);

  std::string_view bytes() const { return bytes_.view(); }

 private:
  struct Slot {
    std::string_view text;
    std::uint32_t key = 0;
    bool used = false;
  };

  template <typename Number>
  void raw(std::span<const Number> values) {
    bytes_.append({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  }
  void header(std::string_view name, std::string_view type);
  void varuint(std::uint64_t value);
  void length_and_text(std::string_view text);
  void begin_keys(std::size_t without_slot);
  void low_cardinality_values();
  std::uint32_t key_of(std::string_view text);
  void grow_slots();

  ByteBuffer bytes_;
  std::span<const std::uint32_t> rows_;
  // Of low_cardinality(): kept so that nothing is allocated for the next block.
  std::vector<Slot> slots_;
  std::vector<std::string_view> keys_;
  std::size_t first_key_ = 0;  // the first of keys_ that is in a slot
  std::vector<std::uint32_t> indexes_;
};

}  // namespace millrace::clickhouse
