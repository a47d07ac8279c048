#pragma once
// Rows of an EventBatch as a Native block for the table `events`, declared properties among them.

#include <cstddef>
#include <string>
#include <vector>

#include "model/batch.h"
#include "store/clickhouse/native_block.h"
#include "store/store.h"

namespace millrace::clickhouse {

// One thread at a time. Keeps its buffers between blocks.
class EventBlock {
 public:
  explicit EventBlock(std::vector<DeclaredProperty> declared);

  // The columns that a block brings, as the list of an INSERT: "(`project`, …)".
  const std::string& columns() const { return columns_; }
  // Rows [begin, end) of the batch; valid until the next call.
  const std::string& encode(const EventBatch& batch, std::size_t begin, std::size_t end);

 private:
  struct Property {
    DeclaredProperty declared;
    std::string column;
    std::vector<std::string> escaped_path;
    // The values of one block.
    std::string nulls;
    std::vector<std::int64_t> integers;
    std::vector<double> doubles;
    std::vector<std::uint8_t> booleans;
    StringColumn texts;
  };

  void read_properties(const EventBatch& batch, std::size_t begin, std::size_t end);
  void append_value(Property& property, std::string_view json);
  void write_property(const Property& property);

  std::vector<Property> properties_;
  std::string columns_;
  NativeBlock block_;
  std::vector<std::int64_t> sent_;
  std::vector<std::string_view> found_;
};

}  // namespace millrace::clickhouse
