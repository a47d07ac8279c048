#pragma once
// Dashboards that people saved. Kept in the control log. A dashboard may have a link for everyone who is given it: it
// shows what the dashboard asks and nothing else.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "control/control_log.h"
#include "io/clock.h"

namespace millrace {

inline constexpr std::size_t kDashboardsMax = 1000;  // of a project
inline constexpr std::size_t kPanelsMax = 40;
inline constexpr std::size_t kDashboardBytesMax = 128 << 10;

struct Panel {
  std::string title;
  std::string kind;        // line, area, bars, number, table, tail
  std::string topic;       // what it shows, as GET /v1/live takes it
  std::int64_t width = 1;  // columns of four that it takes
  bool compare = false;    // draws the previous period too
};

struct Dashboard {
  std::string id;
  std::string project;
  std::string name;
  TimeNs updated = 0;
  std::string share;  // the link's token; empty: not shared
  std::vector<Panel> panels;
};

// Name and panels out of what a client sent; kInvalid says what is wrong.
Result<Dashboard> read_dashboard(const Json& json);
void write_panels(JsonWriter& json, const Dashboard& dashboard);

// Safe from any thread.
class Dashboards {
 public:
  // The log must outlive this object.
  Dashboards(ControlLog& log, Clock& clock);

  std::vector<Dashboard> list(const std::string& project);
  // Nothing when there is none of this project.
  std::optional<Dashboard> find(const std::string& project, const std::string& id);
  // Makes or replaces; a link stays. kInvalid for an id that can't be one, kFull for too many.
  struct Saved {
    Dashboard dashboard;
    bool made = false;
  };
  Result<Saved> save(Dashboard dashboard);
  Result<void> remove(const std::string& project, const std::string& id);

  // The token of the dashboard's link, made at the first call.
  Result<std::string> share(const std::string& project, const std::string& id);
  Result<void> unshare(const std::string& project, const std::string& id);
  std::optional<Dashboard> shared(std::string_view token);

 private:
  Result<void> put(Dashboard dashboard);

  ControlLog& log_;
  Clock& clock_;
  std::mutex changes_;                                                   // orders read, change, write
  std::mutex mutex_;                                                     // of what follows; held for moments
  std::map<std::pair<std::string, std::string>, Dashboard> dashboards_;  // by project and id
  std::map<std::string, std::pair<std::string, std::string>> shared_;    // by the token's SHA-256
};

}  // namespace millrace
