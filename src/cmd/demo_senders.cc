#include "cmd/demo_senders.h"

#include <algorithm>

namespace millrace::cmd {
namespace {

constexpr unsigned kSenders = 3;
constexpr int kGiveUpMs = 15'000;

}  // namespace

Result<void> DemoSender::send(std::string_view body) {
  if (client_ == nullptr) {
    MR_ASSIGN(client_, connection_.open());
  }
  http::ClientRequest request;
  request.method = "POST";
  request.target = "/v1/events";
  request.headers = connection_.headers();
  request.headers.emplace_back("Content-Type", "application/x-ndjson");
  request.body = {&body, 1};
  int waited_ms = 0;
  bool last = false;
  for (int wait_ms = 20;; wait_ms = std::min(wait_ms * 2, 1000)) {
    Result<http::ClientResponse> response = client_->send(request, 30'000);
    if (response.ok() && response->status == 200) {
      return {};
    }
    bool again = !response.ok() || response->status == 429 || response->status == 503;
    if (!again || last || waited_ms >= kGiveUpMs) {
      return response.ok() ? unavailable(refusal(*response)) : response.error();
    }
    last = pause_(std::chrono::milliseconds(wait_ms));  // a server that refuses wants one
    waited_ms += wait_ms;
  }
}

DemoSenders::DemoSenders(const Connection& connection) {
  for (unsigned i = 0; i < kSenders; ++i) {
    threads_.emplace_back([this, &connection] { work(connection); });
  }
}

DemoSenders::~DemoSenders() { stop(); }

bool DemoSenders::put(std::string body) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return bodies_.size() < kSenders || error_; });
  if (error_) {
    return false;
  }
  bodies_.push_back(std::move(body));
  changed_.notify_all();
  return true;
}

std::uint64_t DemoSenders::taken() const {
  std::lock_guard lock(mutex_);
  return going_.empty() ? begun_ : *going_.begin();
}

Result<void> DemoSenders::finish() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  return error_ ? Result<void>(*error_) : Result<void>();
}

void DemoSenders::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    bodies_.clear();
  }
  (void)finish().ok();
}

void DemoSenders::work(const Connection& connection) {
  DemoSender sender(connection, [this](std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait, [this] { return stopping_ || error_; });
  });
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ended_ || error_ || !bodies_.empty(); });
    if (bodies_.empty() || error_) {
      return;
    }
    std::string body = std::move(bodies_.front());
    bodies_.pop_front();
    std::uint64_t number = begun_++;
    going_.insert(number);
    changed_.notify_all();
    lock.unlock();
    Result<void> sent = sender.send(body);
    lock.lock();
    if (sent.ok()) {
      going_.erase(number);  // one that failed stays: what lies behind it doesn't count as taken
    } else if (!error_) {
      error_ = sent.error();
      changed_.notify_all();
    }
  }
}

}  // namespace millrace::cmd
