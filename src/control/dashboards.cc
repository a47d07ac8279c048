#include "control/dashboards.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/log.h"
#include "control/secret.h"

namespace millrace {

namespace {

const std::string kKind = "dashboard";
constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kTopicBytesMax = 6000;
constexpr std::array<std::string_view, 6> kKinds = {"line", "area", "bars", "number", "table", "tail"};

bool good_id(const std::string& id) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), plain);
}

bool good_topic(std::string_view topic) {
  bool known =
      topic.starts_with("view:") || topic.starts_with("query:") || topic == "tail" || topic.starts_with("tail:");
  return known && topic.size() <= kTopicBytesMax;
}

std::string member_text(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr ? member->text() : std::string();
}

Result<Panel> read_panel(const Json& json, std::size_t number) {
  auto wrong = [number](std::string_view what) { return invalid(fmt::format("panels[{}]: {}", number, what)); };
  if (!json.is_object()) {
    return wrong("expected an object");
  }
  Panel panel;
  for (const auto& [member, value] : json.members()) {
    if (member == "title" && value.is_string() && value.text().size() <= kNameBytesMax) {
      panel.title = value.text();
    } else if (member == "kind" && value.is_string()) {
      panel.kind = value.text();
    } else if (member == "topic" && value.is_string()) {
      panel.topic = value.text();
    } else if (member == "width" && value.integer().value_or(0) >= 1 && value.integer().value_or(0) <= 4) {
      panel.width = *value.integer();
    } else if (member == "compare" && value.is_bool()) {
      panel.compare = value.boolean();
    } else {
      return wrong(
          fmt::format("'{}' is unknown or has a wrong value; expected title (at most {} bytes), kind, topic, "
                      "width (1 to 4), compare",
                      member, kNameBytesMax));
    }
  }
  if (std::find(kKinds.begin(), kKinds.end(), panel.kind) == kKinds.end()) {
    return wrong("kind: expected line, area, bars, number, table or tail");
  }
  if (!good_topic(panel.topic)) {
    return wrong(fmt::format("topic: expected view:…, query:… or tail, at most {} bytes", kTopicBytesMax));
  }
  return panel;
}

std::string stored_text(const Dashboard& dashboard) {
  JsonWriter json;
  json.begin_object().key("project").string(dashboard.project).key("name").string(dashboard.name);
  json.key("updated").integer(dashboard.updated);
  if (!dashboard.share.empty()) {
    json.key("share").string(dashboard.share);
  }
  write_panels(json, dashboard);
  json.end_object();
  return json.take();
}

Result<Dashboard> read_stored(const std::string& text) {
  MR_ASSIGN(Json json, Json::parse(text));
  JsonWriter shown;
  shown.begin_object().key("name").string(member_text(json, "name")).key("panels");
  const Json* panels = json.find("panels");
  panels != nullptr ? shown.value(*panels) : shown.null();
  shown.end_object();
  MR_ASSIGN(Json sent, Json::parse(shown.text()));
  MR_ASSIGN(Dashboard dashboard, read_dashboard(sent));
  dashboard.project = member_text(json, "project");
  dashboard.share = member_text(json, "share");
  const Json* updated = json.find("updated");
  dashboard.updated = updated != nullptr ? updated->integer().value_or(0) : 0;
  return dashboard;
}

}  // namespace

Result<Dashboard> read_dashboard(const Json& json) {
  if (!json.is_object()) {
    return invalid("expected an object with name and panels");
  }
  Dashboard dashboard;
  for (const auto& [member, value] : json.members()) {
    if (member == "name" && value.is_string() && !value.text().empty() && value.text().size() <= kNameBytesMax) {
      dashboard.name = value.text();
    } else if (member == "panels" && value.is_array() && value.items().size() <= kPanelsMax) {
      for (const Json& item : value.items()) {
        MR_ASSIGN(Panel panel, read_panel(item, dashboard.panels.size()));
        dashboard.panels.push_back(std::move(panel));
      }
    } else {
      return invalid(
          fmt::format("'{}' is unknown or has a wrong value; expected name (1 to {} bytes), panels (a list "
                      "of at most {})",
                      member, kNameBytesMax, kPanelsMax));
    }
  }
  if (dashboard.name.empty()) {
    return invalid("name is needed");
  }
  return dashboard;
}

void write_panels(JsonWriter& json, const Dashboard& dashboard) {
  json.key("panels").begin_array();
  for (const Panel& panel : dashboard.panels) {
    json.begin_object().key("title").string(panel.title).key("kind").string(panel.kind);
    json.key("topic").string(panel.topic).key("width").integer(panel.width);
    json.key("compare").boolean(panel.compare).end_object();
  }
  json.end_array();
}

// In the log a dashboard's id is its project and its id, which is unique only within it.
Dashboards::Dashboards(ControlLog& log, Clock& clock) : log_(log), clock_(clock) {
  for (const auto& [id, text] : log.all(kKind)) {
    Result<Dashboard> dashboard = read_stored(text);
    if (!dashboard.ok()) {
      log_warning("a dashboard in the control log can't be understood and is left out",
                  {{"dashboard", id}, {"reason", dashboard.error().message}});
      continue;
    }
    dashboard->id = id.substr(id.find('/') + 1);
    std::pair key(dashboard->project, dashboard->id);
    if (!dashboard->share.empty()) {
      shared_[to_hex(sha256(dashboard->share))] = key;
    }
    dashboards_[key] = std::move(*dashboard);
  }
}

std::vector<Dashboard> Dashboards::list(const std::string& project) {
  std::vector<Dashboard> found;
  std::lock_guard lock(mutex_);
  for (auto at = dashboards_.lower_bound({project, ""}); at != dashboards_.end() && at->first.first == project; ++at) {
    found.push_back(at->second);
  }
  return found;
}

std::optional<Dashboard> Dashboards::find(const std::string& project, const std::string& id) {
  std::lock_guard lock(mutex_);
  auto at = dashboards_.find({project, id});
  return at == dashboards_.end() ? std::nullopt : std::optional(at->second);
}

// Called with changes_ held.
Result<void> Dashboards::put(Dashboard dashboard) {
  MR_TRY(log_.put(kKind, dashboard.project + "/" + dashboard.id, stored_text(dashboard)));
  std::lock_guard lock(mutex_);
  std::pair key(dashboard.project, dashboard.id);
  std::erase_if(shared_, [&](const auto& entry) { return entry.second == key; });
  if (!dashboard.share.empty()) {
    shared_[to_hex(sha256(dashboard.share))] = key;
  }
  dashboards_[key] = std::move(dashboard);
  return {};
}

Result<Dashboards::Saved> Dashboards::save(Dashboard dashboard) {
  if (!good_id(dashboard.id)) {
    return invalid("a dashboard's id has 1 to 64 characters out of A-Z a-z 0-9 _ -");
  }
  std::lock_guard lock(changes_);
  std::optional<Dashboard> before = find(dashboard.project, dashboard.id);
  if (!before && list(dashboard.project).size() >= kDashboardsMax) {
    return full(fmt::format("there are {} dashboards; remove one first", kDashboardsMax));
  }
  dashboard.share = before ? before->share : std::string();
  dashboard.updated = clock_.wall();
  MR_TRY(put(dashboard));
  return Saved{std::move(dashboard), !before};
}

Result<void> Dashboards::remove(const std::string& project, const std::string& id) {
  std::lock_guard lock(changes_);
  if (!find(project, id)) {
    return not_found("there is no dashboard " + id);
  }
  MR_TRY(log_.remove(kKind, project + "/" + id));
  std::lock_guard memory(mutex_);
  std::pair key(project, id);
  std::erase_if(shared_, [&](const auto& entry) { return entry.second == key; });
  dashboards_.erase(key);
  return {};
}

Result<std::string> Dashboards::share(const std::string& project, const std::string& id) {
  std::lock_guard lock(changes_);
  std::optional<Dashboard> dashboard = find(project, id);
  if (!dashboard) {
    return not_found("there is no dashboard " + id);
  }
  if (dashboard->share.empty()) {
    dashboard->share = make_secret().substr(sizeof("mr_") - 1);
    MR_TRY(put(*dashboard));
  }
  return dashboard->share;
}

Result<void> Dashboards::unshare(const std::string& project, const std::string& id) {
  std::lock_guard lock(changes_);
  std::optional<Dashboard> dashboard = find(project, id);
  if (!dashboard) {
    return not_found("there is no dashboard " + id);
  }
  if (dashboard->share.empty()) {
    return {};
  }
  dashboard->share.clear();
  return put(*std::move(dashboard));
}

std::optional<Dashboard> Dashboards::shared(std::string_view token) {
  if (token.size() < kSecretBytesMin || token.size() > kSecretBytesMax) {
    return std::nullopt;
  }
  std::lock_guard lock(mutex_);
  auto found = shared_.find(to_hex(sha256(token)));
  return found == shared_.end() ? std::nullopt : std::optional(dashboards_.at(found->second));
}

}  // namespace millrace
