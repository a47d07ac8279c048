#include "store/clickhouse/property_keeper.h"

#include <algorithm>

namespace millrace::clickhouse {
namespace {

constexpr std::size_t kCountedMax = 1000;  // properties whose questions are counted

}  // namespace

void PropertyKeeper::asked(const std::vector<KeptProperty>& properties, std::uint64_t rows_read) {
  if (properties.empty() || rows_read < rows_min_) return;
  std::lock_guard lock(mutex_);
  for (const KeptProperty& property : properties) {
    if (std::find(kept_->begin(), kept_->end(), property) != kept_->end()) continue;
    if (asks_.size() >= kCountedMax) asks_.clear();
    if (++asks_[kept_column(property)] != asks_min_) continue;
    if (kept_->size() + wanted_.size() >= columns_max_) continue;
    wanted_.push_back(property);
    changed_.notify_all();
  }
}

void PropertyKeeper::again() {
  std::lock_guard lock(mutex_);
  for (const KeptProperty& property : *kept_) {
    if (std::find(wanted_.begin(), wanted_.end(), property) == wanted_.end()) wanted_.push_back(property);
  }
  changed_.notify_all();
}

std::optional<KeptProperty> PropertyKeeper::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || !wanted_.empty(); });
  if (stopped_) return {};
  KeptProperty first = std::move(wanted_.front());
  wanted_.erase(wanted_.begin());
  return first;
}

void PropertyKeeper::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

std::shared_ptr<const std::vector<KeptProperty>> PropertyKeeper::kept() const {
  std::lock_guard lock(mutex_);
  return kept_;
}

void PropertyKeeper::set_kept(std::vector<KeptProperty> kept) {
  std::lock_guard lock(mutex_);
  kept_ = std::make_shared<const std::vector<KeptProperty>>(std::move(kept));
}

}  // namespace millrace::clickhouse
