#include "app/dashboards_api.h"

#include "base/json.h"
#include "base/time_format.h"

namespace millrace {
namespace {

http::Response ok(JsonWriter& json, int status = 200) {
  http::Response response;
  response.status = status;
  response.body = json.take();
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response no_content() {
  http::Response response;
  response.status = 204;
  response.content_type.clear();
  return response;
}

http::Response refusal(const Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return http::problem(404, "not-found", "No such dashboard", error.message);
    case Code::kInvalid:
      return http::problem(400, "invalid-request", "Not a dashboard that can be kept", error.message);
    case Code::kFull:
      return http::problem(409, "too-many-dashboards", "No more dashboards", error.message);
    default:
      return http::problem(503, "unavailable", "The dashboard could not be kept", error.message);
  }
}

http::Response not_there() { return refusal(not_found("GET /v1/dashboards lists those that there are.")); }

// The part of the path behind /v1/dashboards/.
std::string id_of(const http::Head& head) {
  std::string id = head.path.substr(sizeof("/v1/dashboards/") - 1);
  return id.substr(0, id.find('/'));
}

std::string link_of(const std::string& token) { return "/d/" + token; }

void write_dashboard(JsonWriter& json, const Dashboard& dashboard) {
  json.begin_object().key("id").string(dashboard.id).key("name").string(dashboard.name);
  json.key("updated").string(format_rfc3339(dashboard.updated)).key("link");
  dashboard.share.empty() ? json.null() : json.string(link_of(dashboard.share));
  write_panels(json, dashboard);
  json.end_object();
}

}  // namespace

void DashboardsApi::list(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  JsonWriter json;
  json.begin_object().key("dashboards").begin_array();
  for (const Dashboard& dashboard : dashboards_.list(principal.project)) {
    write_dashboard(json, dashboard);
  }
  json.end_array().end_object();
  exchange->reply(ok(json));
}

void DashboardsApi::show(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  std::optional<Dashboard> dashboard = dashboards_.find(principal.project, id_of(exchange->head()));
  if (!dashboard) {
    return exchange->reply(not_there());
  }
  JsonWriter json;
  write_dashboard(json, *dashboard);
  exchange->reply(ok(json));
}

http::Response DashboardsApi::save_as(const Principal& principal, const std::string& id, std::string_view body) const {
  Result<Json> sent = Json::parse(body);
  if (!sent.ok()) {
    return refusal(sent.error());
  }
  Result<Dashboard> dashboard = read_dashboard(*sent);
  if (!dashboard.ok()) {
    return refusal(dashboard.error());
  }
  dashboard->id = id;
  dashboard->project = principal.project;
  Result<Dashboards::Saved> saved = dashboards_.save(std::move(*dashboard));
  if (!saved.ok()) {
    return refusal(saved.error());
  }
  JsonWriter json;
  write_dashboard(json, saved->dashboard);
  return ok(json, saved->made ? 201 : 200);
}

void DashboardsApi::save(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  std::string id = id_of(exchange->head());
  http::Exchange::read_body(std::move(exchange), kDashboardBytesMax,
                            [this, principal, id](std::unique_ptr<http::Exchange> whole, std::string_view body) {
                              whole->reply(save_as(principal, id, body));
                            });
}

void DashboardsApi::remove(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  Result<void> removed = dashboards_.remove(principal.project, id_of(exchange->head()));
  exchange->reply(removed.ok() ? no_content() : refusal(removed.error()));
}

void DashboardsApi::share(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  Result<std::string> token = dashboards_.share(principal.project, id_of(exchange->head()));
  if (!token.ok()) {
    return exchange->reply(refusal(token.error()));
  }
  JsonWriter json;
  json.begin_object().key("link").string(link_of(*token)).end_object();
  exchange->reply(ok(json));
}

void DashboardsApi::unshare(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  Result<void> done = dashboards_.unshare(principal.project, id_of(exchange->head()));
  exchange->reply(done.ok() ? no_content() : refusal(done.error()));
}

void DashboardsApi::show_shared(const Principal&, std::unique_ptr<http::Exchange> exchange) const {
  std::optional<Dashboard> dashboard = dashboards_.shared(exchange->head().path.substr(sizeof("/v1/shared/") - 1));
  if (!dashboard) {
    return exchange->reply(http::problem(404, "not-found", "No such link", "It was withdrawn, or never made."));
  }
  JsonWriter json;
  json.begin_object().key("name").string(dashboard->name);
  json.key("updated").string(format_rfc3339(dashboard->updated));
  write_panels(json, *dashboard);
  json.end_object();
  exchange->reply(ok(json));
}

}  // namespace millrace
