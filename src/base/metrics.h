#pragma once
// The program's metrics, in Prometheus' text format (version 0.0.4,
// https://prometheus.io/docs/instrumenting/exposition_formats/). Every metric is declared once, in the table of
// metrics.cc, with its kind, unit and help; a name is millrace_<module>_<what>_<unit>[_total].

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace millrace {

enum class Metric : std::uint16_t {
#define MR_METRIC(id, kind, name, help) id,
#include "base/metrics_table.inc"
#undef MR_METRIC
  kCount
};

// One number each. Adding is relaxed and takes no lock; safe from any thread.
class Metrics {
 public:
  void add(Metric metric, std::int64_t amount = 1) { slot(metric).fetch_add(amount, std::memory_order_relaxed); }
  void set(Metric metric, std::int64_t value) { slot(metric).store(value, std::memory_order_relaxed); }
  std::int64_t get(Metric metric) const {
    return values_[static_cast<std::size_t>(metric)].load(std::memory_order_relaxed);
  }

  // The whole table, with HELP and TYPE lines. Metrics whose name ends in _seconds are kept in microseconds here and
  // shown in seconds.
  std::string exposition() const;

 private:
  std::atomic<std::int64_t>& slot(Metric metric) { return values_[static_cast<std::size_t>(metric)]; }
  std::array<std::atomic<std::int64_t>, static_cast<std::size_t>(Metric::kCount)> values_{};
};

}  // namespace millrace
