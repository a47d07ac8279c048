#pragma once
// Rows of a batch in the order of the table's key. The engine would sort a block by comparing texts of dictionaries and
// then move every column; it leaves a block alone that is in order. Here a row is put into its group by counting, and
// columns are copied into the block once in any case.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/batch.h"

namespace millrace::clickhouse {

// One thread at a time. Keeps its buffers.
class RowOrder {
 public:
  // Rows [begin, end) of the batch by project, event and time; equal ones by sequence. Valid until the next call.
  std::span<const std::uint32_t> sort(const EventBatch& batch, std::size_t begin, std::size_t end);

 private:
  struct Group {
    std::string_view project, event;
    std::size_t hash = 0;
    std::uint32_t rows = 0;
    std::uint32_t next = 0;  // where its next row goes
  };
  std::uint32_t group_of(std::string_view project, std::string_view event);
  void grow();
  void sort_times(const EventBatch& batch, std::span<std::uint32_t> rows);

  std::vector<Group> groups_;
  std::vector<std::uint32_t> slots_;  // a group's number and one; 0: free
  std::vector<std::uint32_t> group_of_row_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> by_name_;  // groups, in order
  std::vector<std::pair<TimeNs, std::uint32_t>> times_;
};

}  // namespace millrace::clickhouse
