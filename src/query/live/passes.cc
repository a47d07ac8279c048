#include "query/live/passes.h"

namespace millrace {
namespace {

// Equal for requests that are let in by the same. A link lets in to topics of its own.
std::string name_of(const http::Head& head) {
  const std::string* link = head.parameter("share");
  std::string name = link != nullptr ? "link " + *link : std::string(head.header("authorization"));
  name += '\n';
  name += link != nullptr ? std::string_view() : head.header("cookie");
  for (const auto& [parameter, value] : head.query) {
    if (link != nullptr && parameter == "topic") {
      name += '\n' + value;
    }
  }
  return name;
}

}  // namespace

http::PassPtr Passes::of(const http::Head& head) {
  std::lock_guard lock(mutex_);
  Held& held = held_[name_of(head)];
  if (held.pass == nullptr) {
    held = {head, std::make_shared<http::Pass>()};
  }
  return held.pass;
}

void Passes::check() {
  std::lock_guard lock(mutex_);
  for (auto one = held_.begin(); one != held_.end();) {
    bool unused = one->second.pass.use_count() == 1;
    if (!unused && !admits_(one->second.head)) {
      one->second.pass->ended = true;
      unused = true;  // who comes anew is looked at anew
    }
    one = unused ? held_.erase(one) : std::next(one);
  }
}

std::size_t Passes::size() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

}  // namespace millrace
