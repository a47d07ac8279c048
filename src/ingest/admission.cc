#include "ingest/admission.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace millrace {
namespace {

// Of bytes_max: the room behind it is for keys that have less than an even share. Alone, a key has all of it.
constexpr std::size_t kPressurePercent = 75;

}  // namespace

Reservation::Reservation(Reservation&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      lane_(other.lane_),
      goes_first_(other.goes_first_) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(bytes_, other.bytes_);
  std::swap(lane_, other.lane_);
  std::swap(goes_first_, other.goes_first_);
  Reservation old(std::move(other));  // what was held here is given back at once
  return *this;
}

Reservation::~Reservation() {
  if (admission_ != nullptr) {
    admission_->give(bytes_);
    admission_->take_from_lane(lane_, bytes_);
  }
}

bool Reservation::resize(std::size_t bytes) {
  if (bytes > bytes_ && !admission_->take(bytes - bytes_, bytes_)) {
    return false;
  }
  if (bytes > bytes_) {
    admission_->add_to_lane(lane_, bytes - bytes_);
  } else if (bytes < bytes_) {
    admission_->give(bytes_ - bytes);
    admission_->take_from_lane(lane_, bytes_ - bytes);
  }
  bytes_ = bytes;
  return true;
}

std::optional<Reservation> Admission::admit(std::string_view key, std::size_t bytes, std::int64_t waiting_ms) {
  bytes = std::max<std::size_t>(bytes, 1);
  std::size_t lane = std::hash<std::string_view>()(key) % kLanes;
  bool late = waiting_ms >= waiting_ms_max_;
  std::size_t others =
      busy_lanes_.load(std::memory_order_relaxed) - (lanes_[lane].load(std::memory_order_relaxed) > 0 ? 1 : 0);
  bool crowded = others > 0 && bytes_.load(std::memory_order_relaxed) + bytes > bytes_max_ / 100 * kPressurePercent;
  // A key that sends less than its share is never why others wait: only the bytes bound it.
  bool light = !has_its_share(lane, bytes);
  if (((late || crowded) && !light) || !take(bytes, 0)) {
    return std::nullopt;
  }
  add_to_lane(lane, bytes);
  return Reservation(this, bytes, lane, others > 0 && light);
}

// Whether these bytes would make the lane's part of what is in flight larger than an even one.
bool Admission::has_its_share(std::size_t lane, std::size_t bytes) const {
  std::size_t own = lanes_[lane].load(std::memory_order_relaxed);
  std::size_t lanes = busy_lanes_.load(std::memory_order_relaxed) + (own == 0 ? 1 : 0);
  return own + bytes > bytes_.load(std::memory_order_relaxed) / std::max<std::size_t>(lanes, 1);
}

void Admission::add_to_lane(std::size_t lane, std::size_t bytes) {
  if (lanes_[lane].fetch_add(bytes, std::memory_order_relaxed) == 0) {
    busy_lanes_.fetch_add(1, std::memory_order_relaxed);
  }
}

void Admission::take_from_lane(std::size_t lane, std::size_t bytes) {
  if (bytes > 0 && lanes_[lane].fetch_sub(bytes, std::memory_order_relaxed) == bytes) {
    busy_lanes_.fetch_sub(1, std::memory_order_relaxed);
  }
}

// `own`: what the one who asks has already.
bool Admission::take(std::size_t bytes, std::size_t own) {
  std::size_t now = bytes_.load(std::memory_order_relaxed);
  do {
    if (now > own && now + bytes > bytes_max_) {
      return false;
    }
  } while (!bytes_.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
  metrics_.add(Metric::kIngestBytesInFlight, static_cast<std::int64_t>(bytes));
  return true;
}

void Admission::give(std::size_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  metrics_.add(Metric::kIngestBytesInFlight, -static_cast<std::int64_t>(bytes));
}

}  // namespace millrace
