#pragma once
// Which properties have columns of their own because they are asked about, and which get one next. It decides only: the
// store makes the columns (clickhouse_store_columns.cc).

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/clickhouse/kept_property.h"

namespace millrace::clickhouse {

// Any thread.
class PropertyKeeper {
 public:
  // At most `columns_max` columns; a property gets one when `asks_min` questions about it read `rows_min` rows or more.
  PropertyKeeper(std::size_t columns_max, std::uint64_t rows_min, std::uint32_t asks_min = 2)
      : columns_max_(columns_max), rows_min_(rows_min), asks_min_(asks_min) {}

  // A question about these was answered.
  void asked(const std::vector<KeptProperty>& properties, std::uint64_t rows_read);

  // Those that have columns come out of next() once more.
  void again();

  // Waits for a property that should get a column, or whose column may not be filled; nothing once stop() was called.
  std::optional<KeptProperty> next();
  void stop();

  // The columns that there are, in the order of the table; never null. shared_ptr: a block or a question goes on with
  // the list that it began with while another is set.
  std::shared_ptr<const std::vector<KeptProperty>> kept() const;
  void set_kept(std::vector<KeptProperty> kept);

 private:
  const std::size_t columns_max_;
  const std::uint64_t rows_min_;
  const std::uint32_t asks_min_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::shared_ptr<const std::vector<KeptProperty>> kept_ = std::make_shared<const std::vector<KeptProperty>>();
  std::map<std::string, std::uint32_t> asks_;  // by column; bounded like wanted_
  std::vector<KeptProperty> wanted_;           // the next one first
};

}  // namespace millrace::clickhouse
