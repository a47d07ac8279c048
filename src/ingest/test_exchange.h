#pragma once
// For tests: a request that has come whole, and what was answered.

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "http/server.h"

namespace millrace {

struct Answer {
  int replies = 0;
  bool body_was_asked_for = false;
  http::Response response;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : response.headers) {
      if (key == name) {
        return value;
      }
    }
    return "";
  }
  Json json() const {
    Result<Json> parsed = Json::parse(response.body);
    return parsed.ok() ? *parsed : Json();
  }
  std::string problem_type() const {
    Json body = json();
    const Json* type = body.find("type");
    return type != nullptr ? type->text() : "";
  }
};

class TestExchange final : public http::Exchange {
 public:
  TestExchange(http::Head head, std::string body, Answer& answer)
      : head_(std::move(head)), body_(std::move(body)), body_bytes_(body_.size()), answer_(answer) {
    body_.append(http::kBodyPaddingBytes, 'x');
  }

  const http::Head& head() const override { return head_; }
  void reply(http::Response response) override {
    body_.assign(body_.size(), '!');  // nobody may look at it any more
    answer_.response = std::move(response);
    ++answer_.replies;
  }
  Result<std::string_view> read() override { return unavailable("not in this test"); }
  Result<void> begin(int, std::vector<std::pair<std::string, std::string>>) override { return unavailable("no"); }
  Result<void> write(std::string_view) override { return unavailable("no"); }
  Result<void> end() override { return unavailable("no"); }
  bool abandoned() override { return false; }
  std::int64_t waiting_ms() const override { return waiting_ms_; }
  void set_waiting_ms(std::int64_t waiting_ms) { waiting_ms_ = waiting_ms; }

 protected:
  void start_body(std::unique_ptr<Exchange> self, std::size_t bytes_max, BodyHandler next) override {
    answer_.body_was_asked_for = true;
    if (body_bytes_ <= bytes_max) {
      next(std::move(self), std::string_view(body_).substr(0, body_bytes_));
    }
  }

 private:
  http::Head head_;
  std::string body_;
  std::size_t body_bytes_;
  Answer& answer_;
  std::int64_t waiting_ms_ = 0;
};

}  // namespace millrace
