#pragma once
// The states of a view's measures, side by side in one run of memory: what a row of a view holds. An aggregate is init,
// update, combine, finalize, one file in aggregates/ and one row of the table in aggregate.cc.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"
#include "views/view.h"

namespace millrace {

// One kind of state. Pointers are to `bytes()` bytes, aligned to 8, between init() and destroy().
class Aggregate {
 public:
  virtual ~Aggregate() = default;
  virtual std::size_t bytes() const = 0;
  virtual void init(void* state) const = 0;
  virtual void destroy(void* state) const = 0;
  // Gives the bytes of other memory that the state grew by.
  virtual std::size_t update(void* state, const FieldValue& value) const = 0;
  virtual void combine(void* state, const void* other) const = 0;
  virtual void finalize(const void* state, const ViewMeasure& measure, JsonWriter& json) const = 0;
  virtual std::size_t heap_bytes(const void* state) const = 0;
  virtual std::uint8_t version() const = 0;
  virtual void append_to(const void* state, std::string& bytes) const = 0;
  // Into a state that was just initialised.
  virtual Result<void> read(void* state, ByteReader& reader) const = 0;
};

// All states of one row. Measures that can share a state (quantiles of one field) do.
class AggregateRow {
 public:
  // `fields[i]` is the number of measure i's field.
  AggregateRow(const std::vector<ViewMeasure>& measures, const std::vector<std::size_t>& fields);

  std::size_t bytes() const { return bytes_; }  // of the states, a multiple of 8; without what they hold elsewhere
  void init(std::byte* row) const;
  void destroy(std::byte* row) const;
  std::size_t update(std::byte* row, const FieldValue* fields) const {
    std::size_t grown = 0;
    for (const Part& part : parts_) {
      grown += part.aggregate->update(row + part.at, fields[part.field]);
    }
    return grown;
  }
  void combine(std::byte* row, const std::byte* other) const;
  // The value of measure i.
  void finalize(const std::byte* row, std::size_t measure, JsonWriter& json) const;
  std::size_t heap_bytes(const std::byte* row) const;
  // Each state with its version before it.
  void append_to(const std::byte* row, std::string& bytes) const;
  Result<void> read(std::byte* row, ByteReader& reader) const;

 private:
  struct Part {
    std::unique_ptr<Aggregate> aggregate;
    std::size_t at = 0;
    std::size_t field = 0;
    ViewMeasure::Kind kind = ViewMeasure::Kind::kCount;
    std::uint32_t top = 0;
  };
  std::vector<ViewMeasure> measures_;
  std::vector<Part> parts_;
  std::vector<std::size_t> part_of_;  // measure → part
  std::size_t bytes_ = 0;
};

}  // namespace millrace
