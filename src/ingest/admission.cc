#include "ingest/admission.h"

#include <utility>

namespace millrace {

Reservation::Reservation(Reservation&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(bytes_, other.bytes_);
  Reservation old(std::move(other));  // what was held here is given back at once
  return *this;
}

Reservation::~Reservation() {
  if (admission_ != nullptr) {
    admission_->give(bytes_);
  }
}

bool Reservation::resize(std::size_t bytes) {
  if (bytes > bytes_ && !admission_->take(bytes - bytes_, bytes_)) {
    return false;
  }
  if (bytes < bytes_) {
    admission_->give(bytes_ - bytes);
  }
  bytes_ = bytes;
  return true;
}

std::optional<Reservation> Admission::admit(std::size_t bytes) {
  if (!take(bytes, 0)) {
    return std::nullopt;
  }
  return Reservation(this, bytes);
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
