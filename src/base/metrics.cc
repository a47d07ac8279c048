#include "base/metrics.h"

#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace millrace {
namespace {

struct Row {
  std::string_view kind;
  std::string_view name;
  std::string_view help;
};

constexpr Row kRows[] = {
#define MR_METRIC(id, kind, name, help) {#kind, name, help},
#include "base/metrics_table.inc"
#undef MR_METRIC
};

}  // namespace

std::string Metrics::exposition() const {
  std::string text;
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    const Row& row = kRows[i];
    std::int64_t value = values_[i].load(std::memory_order_relaxed);
    fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n{} ", row.name, row.help, row.name, row.kind,
                   row.name);
    if (row.name.ends_with("_seconds")) {
      fmt::format_to(std::back_inserter(text), "{}.{:06}\n", value / 1'000'000, value % 1'000'000);
    } else {
      fmt::format_to(std::back_inserter(text), "{}\n", value);
    }
  }
  return text;
}

}  // namespace millrace
