#pragma once
// The store that a URL names, for programs beside the server: an address, and the embedded engine where it is that.

#include <memory>
#include <string>

#include "app/options.h"

namespace millrace {

struct StorePlace {
  std::string name;  // as store_name() has it
  clickhouse::Address address;
  std::string database = "millrace";
  std::unique_ptr<engine::Supervisor> engine;  // runs for as long as this lives; null at a server
};

// An empty URL: starts the embedded engine on the data folder. kUnavailable when another process has it open.
Result<StorePlace> open_store_place(const std::string& url, const SettingValues& values, const std::string& data,
                                    const std::string& program, Metrics& metrics);
// The embedded engine of a running server, at its port; it can be read there. kInvalid when it has none.
Result<StorePlace> engine_port(const SettingValues& values);

}  // namespace millrace
