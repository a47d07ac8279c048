#include "app/store_place.h"

namespace millrace {

Result<StorePlace> open_store_place(const std::string& url, const SettingValues& values, const std::string& data,
                                    const std::string& program, Metrics& metrics) {
  StorePlace place;
  place.name = store_name(url);
  if (!url.empty()) {
    MR_ASSIGN(place.address, clickhouse::parse_address(url));
    if (!place.address.database.empty()) {
      place.database = place.address.database;
    }
    return place;
  }
  MR_ASSIGN(engine::SupervisorOptions options, engine_options(values, data, program));
  options.public_listen.clear();
  MR_ASSIGN(place.engine, engine::Supervisor::start(std::move(options), metrics));
  place.address = {"unix:" + place.engine->socket_path(), "", place.engine->user(), place.engine->secret()};
  return place;
}

Result<StorePlace> engine_port(const SettingValues& values) {
  const std::string& listen = values.engine_listen;
  if (listen.empty() || listen.ends_with(":0") || values.engine_password.empty()) {
    return invalid(
        "a server runs on this folder, and its engine can be read only where engine.listen (with a port) and "
        "engine.password are set: set them and start the server anew, or stop the server for the time of the move");
  }
  StorePlace place;
  place.name = store_name("");
  place.address = {"http://" + listen, "", values.engine_user, values.engine_password};
  return place;
}

}  // namespace millrace
