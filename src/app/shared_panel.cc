#include "app/shared_panel.h"

#include <charconv>

namespace millrace {
namespace {

// A request that asks the panel's question in place of the one that came.
class PanelExchange final : public http::Exchange {
 public:
  PanelExchange(std::unique_ptr<http::Exchange> inner, http::Head head, std::string body)
      : inner_(std::move(inner)), head_(std::move(head)), body_(std::move(body)), body_bytes_(body_.size()) {
    body_.append(http::kBodyPaddingBytes, '\0');
  }

  const http::Head& head() const override { return head_; }
  void reply(http::Response response) override { inner_->reply(std::move(response)); }
  Result<std::string_view> read() override { return std::string_view(); }
  Result<void> begin(int status, std::vector<std::pair<std::string, std::string>> headers) override {
    return inner_->begin(status, std::move(headers));
  }
  Result<void> write(std::string_view bytes) override { return inner_->write(bytes); }
  Result<void> end() override { return inner_->end(); }
  bool abandoned() override { return inner_->abandoned(); }

 protected:
  void start_body(std::unique_ptr<Exchange> self, std::size_t, BodyHandler next) override {
    std::string body = body_;  // the exchange may be gone before `next` returns
    next(std::move(self), std::string_view(body).substr(0, body_bytes_));
  }

 private:
  std::unique_ptr<http::Exchange> inner_;
  http::Head head_;
  std::string body_;
  std::size_t body_bytes_;
};

http::Response not_there(std::string_view detail) { return http::problem(404, "not-found", "No such panel", detail); }

// "{…}" out of "query:{…};refresh=5s"; empty when it is no such topic.
std::string_view query_of(std::string_view topic) {
  if (!topic.starts_with("query:") || topic.find('}') == std::string_view::npos) {
    return {};
  }
  topic.remove_prefix(sizeof("query:") - 1);
  return topic.substr(0, topic.rfind('}') + 1);
}

}  // namespace

void SharedPanels::answer(const Principal&, std::unique_ptr<http::Exchange> exchange) const {
  std::string_view path = std::string_view(exchange->head().path).substr(sizeof("/v1/shared/") - 1);
  std::optional<Dashboard> dashboard = dashboards_.shared(path.substr(0, path.find('/')));
  if (!dashboard) {
    return exchange->reply(not_there("The link was withdrawn, or never made."));
  }
  std::string_view text = path.substr(path.find('/') + 1);
  std::size_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number >= dashboard->panels.size()) {
    return exchange->reply(not_there("Panels are numbered from 0."));
  }
  const std::string& topic = dashboard->panels[number].topic;
  Principal reader{dashboard->project, kScopeRead, "share"};
  http::Head head;
  head.peer = exchange->head().peer;
  if (std::string_view query = query_of(topic); !query.empty()) {
    head.method = "POST";
    return query_.post_query(reader, std::make_unique<PanelExchange>(std::move(exchange), head, std::string(query)));
  }
  if (topic == "tail" || topic.starts_with("tail:")) {
    head.method = "GET";
    head.query = {{"limit", "50"}, {"range", "1h"}};
    if (topic.size() > sizeof("tail:")) {
      head.query.emplace_back("where", topic.substr(sizeof("tail:") - 1));
    }
    return query_.get_events(reader, std::make_unique<PanelExchange>(std::move(exchange), head, ""));
  }
  exchange->reply(not_there("This panel follows a view, which is not told here."));
}

}  // namespace millrace
