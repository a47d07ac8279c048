#pragma once
// Who is let in when not everybody can be: a bound on the bytes of requests in memory, and on how long they wait for
// their turn. What is over a bound is refused early, before it is read. Under pressure room is shared out evenly: a key
// that has more than its share in flight is refused first, so that one that sends most of it doesn't take the others'
// places.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

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
  // Others send too, and this one's key has less than its share in flight: it need not wait behind theirs.
  bool goes_first() const { return goes_first_; }

 private:
  friend class Admission;
  Reservation(Admission* admission, std::size_t bytes, std::size_t lane, bool goes_first)
      : admission_(admission), bytes_(bytes), lane_(lane), goes_first_(goes_first) {}

  Admission* admission_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t lane_ = 0;
  bool goes_first_ = false;
};

// Safe from any thread, without a lock. Outlives its reservations.
class Admission {
 public:
  Admission(std::size_t bytes_max, std::int64_t waiting_ms_max, Metrics& metrics)
      : bytes_max_(bytes_max), waiting_ms_max_(waiting_ms_max), metrics_(metrics) {}

  // `key`: whose request it is. `waiting_ms`: how long requests wait for their turn at the moment. Nothing when there
  // is no room for it. A request alone is always admitted: one that is larger than the bound would never be, else.
  std::optional<Reservation> admit(std::string_view key, std::size_t bytes, std::int64_t waiting_ms);

 private:
  friend class Reservation;
  bool take(std::size_t bytes, std::size_t own);
  void give(std::size_t bytes);
  bool has_its_share(std::size_t lane, std::size_t bytes) const;
  void add_to_lane(std::size_t lane, std::size_t bytes);
  void take_from_lane(std::size_t lane, std::size_t bytes);

  const std::size_t bytes_max_;
  const std::int64_t waiting_ms_max_;
  Metrics& metrics_;
  std::atomic<std::size_t> bytes_ = 0;
  // Keys by their hash: two that meet in a lane share a share.
  static constexpr std::size_t kLanes = 1024;
  std::array<std::atomic<std::size_t>, kLanes> lanes_{};  // bytes in flight
  std::atomic<std::size_t> busy_lanes_ = 0;               // that have any
};

}  // namespace millrace
