#pragma once
// How many bytes of requests may be in memory at once. What is over the bound is refused early, before it is read.

#include <atomic>
#include <cstddef>
#include <optional>

#include "base/metrics.h"

namespace millrace {

class Admission;

// Bytes that were admitted, until it is destroyed.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  // False, and no change, when there is no room for more. Less is always granted.
  bool resize(std::size_t bytes);

 private:
  friend class Admission;
  Reservation(Admission* admission, std::size_t bytes) : admission_(admission), bytes_(bytes) {}

  Admission* admission_ = nullptr;
  std::size_t bytes_ = 0;
};

// Safe from any thread. Outlives its reservations.
class Admission {
 public:
  Admission(std::size_t bytes_max, Metrics& metrics) : bytes_max_(bytes_max), metrics_(metrics) {}

  // Nothing when there is no room. A request alone is always admitted: one that is larger than the bound would never
  // be, else.
  std::optional<Reservation> admit(std::size_t bytes);

 private:
  friend class Reservation;
  bool take(std::size_t bytes, std::size_t own);
  void give(std::size_t bytes);

  const std::size_t bytes_max_;
  Metrics& metrics_;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace millrace
