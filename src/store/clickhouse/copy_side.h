#pragma once
// One of the two stores of a copy: what it holds, by places, and rows out of it and into it. It is no owner and takes
// nothing over. docs/adr/0110-a-store-is-moved-by-copying-what-is-sealed.md

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/clickhouse/connection.h"
#include "store/clickhouse/kept_property.h"
#include "store/clickhouse/ownership.h"
#include "store/store.h"

namespace millrace::clickhouse {

// Places of one partition of one generation.
struct PlaceRange {
  Generation generation;
  PartitionId partition;
  SequenceRange places;
};

// The rows of some places that count.
struct Contents {
  std::uint64_t rows = 0;
  std::uint64_t hash = 0;   // sum of row_hash
  std::uint64_t bytes = 0;  // about what read() gives
  bool same_rows(const Contents& other) const { return rows == other.rows && hash == other.hash; }
  void add(const Contents& other) { rows += other.rows, hash += other.hash, bytes += other.bytes; }
};

struct DayContents {
  std::int64_t day = 0;  // of the received times, UTC, counted from 1970-01-01
  Contents contents;
};

// A takeover as its owner recorded it. `claim` was drawn at random, so that two stores with the same claims have a
// history in common.
struct Claim {
  Generation generation;
  PartitionId partition;
  Epoch epoch;
  SequenceNumber first;
  std::uint64_t claim = 0;
  std::int64_t recorded_ms = 0;
  friend auto operator<=>(const Claim&, const Claim&) = default;
};

// One thread at a time. Errors as Connection has them; kUnknown: settle() before anything else is asked.
class CopySide {
 public:
  // `name` is for messages. Nothing is asked yet.
  static Result<std::unique_ptr<CopySide>> create(std::string name, const Address& address, std::string database);

  // What is there: false when there are no tables of Millrace. kInvalid: tables of somebody else, or of a newer
  // program.
  Result<bool> look();
  // As of the last look().
  const std::string& name() const { return name_; }
  const std::vector<Claim>& claims() const { return claims_; }
  CopyMark mark() const { return mark_; }

  // All places that have rows, also such that don't count.
  Result<std::vector<PlaceRange>> extent();
  Result<Contents> contents(const PlaceRange& range);
  // By day, of the rows received in [from, to); hashes only if they are asked for.
  Result<std::vector<DayContents>> days(const std::vector<PlaceRange>& ranges, TimeNs from, TimeNs to, bool with_hash);
  Result<std::vector<KeptProperty>> kept_columns();
  // The rows in the Native format.
  Result<std::string> read(const PlaceRange& range);

  // The target alone.
  // Ok once no insert of a copy that was sent before can still take effect.
  Result<void> settle();
  // Makes the tables and columns, and marks the copy as begun.
  Result<void> begin(const std::vector<DeclaredProperty>& declared, const std::vector<KeptProperty>& kept,
                     bool durable_tables);
  // Makes the claims the source's. Both have been looked at.
  Result<void> adopt(const CopySide& source);
  Result<void> write(const PlaceRange& range, std::string_view native);
  Result<void> remove(const PlaceRange& range);
  Result<void> end();

 private:
  CopySide(std::string name, std::unique_ptr<Connection> connection, std::string database)
      : name_(std::move(name)), connection_(std::move(connection)), database_(std::move(database)) {}

  std::string table(const char* table) const;
  std::string counting(const PlaceRange& range) const;
  Result<std::string> ask(const std::string& sql, const char* format);
  Result<std::string> change(const std::string& sql);
  Result<void> record(const std::vector<Claim>& claims);
  Result<void> set_mark(std::uint32_t number, bool ended);
  std::string query_prefix() const { return "millrace-copy-" + database_ + "-"; }

  std::string name_;
  std::unique_ptr<Connection> connection_;
  std::string database_;
  std::vector<Claim> claims_;
  CopyMark mark_;
  std::string owned_;  // the condition of rows that count; empty when all do
  std::uint64_t inserts_ = 0;
};

}  // namespace millrace::clickhouse
