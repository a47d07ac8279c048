#include "base/metrics.h"

#include <iterator>
#include <string_view>

#include "base/append_format.h"

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
    append_format(text, "# HELP {} {}\n# TYPE {} {}\n{} ", row.name, row.help, row.name, row.kind, row.name);
    if (row.name.ends_with("_seconds")) {
      append_format(text, "{}.{:06}\n", value / 1'000'000, value % 1'000'000);
    } else {
      append_format(text, "{}\n", value);
    }
  }
  return text;
}

}  // namespace millrace
