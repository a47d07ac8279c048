#include "query/shared_answers.h"

#include "base/check.h"

namespace millrace {
namespace {

std::size_t bytes_of(const std::string& key, const Answer& answer) {
  return key.size() + answer.head.size() + answer.tail.size();
}

}  // namespace

SharedAnswers::Claim SharedAnswers::claim(const std::string& key, const AsOf& as_of,
                                          const std::optional<Position>& needed, TimeNs now,
                                          std::unique_ptr<http::Exchange>& exchange, Answer& kept) {
  std::lock_guard lock(mutex_);
  forget_old(now);
  auto found = flights_.find(key);
  if (found != flights_.end() && !found->second.running) {
    if (same_events(found->second.as_of, as_of)) {
      kept = found->second.answer;
      return Claim::kKept;
    }
    bytes_ -= bytes_of(key, found->second.answer);
    flights_.erase(found);
    found = flights_.end();
  }
  if (found == flights_.end()) {
    flights_[key].as_of = as_of;
    return Claim::kRun;
  }
  if (needed && !covers(found->second.as_of, *needed)) {
    return Claim::kAlone;
  }
  if (joined_ >= joined_max_) {
    return Claim::kFull;
  }
  ++joined_;
  found->second.joined.push_back(std::move(exchange));
  return Claim::kJoined;
}

std::vector<std::unique_ptr<http::Exchange>> SharedAnswers::finish(const std::string& key, const Answer* answer,
                                                                   TimeNs now) {
  std::lock_guard lock(mutex_);
  auto found = flights_.find(key);
  MR_CHECK(found != flights_.end() && found->second.running);
  std::vector<std::unique_ptr<http::Exchange>> joined = std::move(found->second.joined);
  joined_ -= joined.size();
  if (answer == nullptr || !answer->whole || bytes_ + bytes_of(key, *answer) > bytes_max_) {
    flights_.erase(found);
    return joined;
  }
  bytes_ += bytes_of(key, *answer);
  found->second.joined.clear();
  found->second.running = false;
  found->second.answer = *answer;
  found->second.finished = now;
  finished_.emplace_back(now, key);
  return joined;
}

void SharedAnswers::forget_old(TimeNs now) {
  while (!finished_.empty() && now - finished_.front().first > kKeptFor) {
    auto found = flights_.find(finished_.front().second);
    // The key may have been asked again since.
    if (found != flights_.end() && !found->second.running && found->second.finished == finished_.front().first) {
      bytes_ -= bytes_of(found->first, found->second.answer);
      flights_.erase(found);
    }
    finished_.pop_front();
  }
}

}  // namespace millrace
