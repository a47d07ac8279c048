#pragma once
// Rows of an EventBatch as a Native block for the table `events`, declared and kept properties among them.

#include <cstddef>
#include <string>
#include <vector>

#include "model/batch.h"
#include "store/clickhouse/kept_property.h"
#include "store/clickhouse/native_block.h"
#include "store/clickhouse/row_order.h"
#include "store/store.h"

namespace millrace::clickhouse {

// One thread at a time. Keeps its buffers between blocks.
class EventBlock {
 public:
  explicit EventBlock(std::vector<DeclaredProperty> declared, const std::vector<KeptProperty>& kept = {});

  // The columns that a block brings, as the list of an INSERT: "(`project`, …)".
  const std::string& columns() const { return columns_; }
  // Rows [begin, end) of the batch, in the order of the table's key; valid until the next call.
  std::string_view encode(const EventBatch& batch, std::size_t begin, std::size_t end);

 private:
  struct Property {
    DeclaredProperty::Type type = DeclaredProperty::Type::kString;
    std::string column;
    std::string column_type;
    bool few = false;  // texts in a dictionary
    std::vector<std::string> escaped_path;
    std::uint64_t front = 0;  // of the path's first name: its first eight bytes
    // The values of one block.
    std::string nulls;
    std::vector<std::int64_t> integers;
    std::vector<double> doubles;
    std::vector<std::uint8_t> booleans;
    StringColumn texts;
  };

  void add(Property property, const std::string& name);
  void read_properties(const EventBatch& batch);
  void append_value(Property& property, std::string_view json);
  void write_property(const Property& property);

  std::vector<Property> properties_;
  std::string columns_;
  RowOrder order_;
  std::span<const std::uint32_t> rows_;  // of the block
  NativeBlock block_;
  std::vector<std::int64_t> sent_;
  std::vector<std::string_view> found_;
  std::string text_;  // of one value
};

}  // namespace millrace::clickhouse
