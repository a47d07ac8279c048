#pragma once
// What the program says of itself: GET /healthz, /readyz, /v1/health, /metrics.

#include <memory>
#include <mutex>
#include <string>

#include "app/roles.h"
#include "base/metrics.h"
#include "control/keys.h"
#include "engine/supervisor.h"
#include "http/server.h"
#include "io/file.h"
#include "query/view_mirror.h"
#include "stream/progress.h"
#include "stream/stream.h"
#include "views/views.h"

namespace millrace {

class Health {
 public:
  // `data`: the folder whose disk it tells of.
  Health(Stream& stream, Progress& progress, Metrics& metrics, FileSystem& files, std::string data, Roles roles)
      : stream_(stream),
        progress_(progress),
        metrics_(metrics),
        files_(files),
        data_(std::move(data)),
        roles_(std::move(roles)) {}

  // The engine, once it is there; null again before it goes away.
  void engine(engine::Supervisor* supervisor);
  // The views, once they are declared, and what fills them from other servers; null where nothing does.
  void views(Views& views, const ViewMirror* mirror);
  // What holds the store up while it opens; empty when nothing does.
  void store_trouble(std::string trouble);
  void draining();

  // What GET /v1/health says.
  std::string describe();

  void get_healthz(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_readyz(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_health(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_metrics(const Principal& principal, std::unique_ptr<http::Exchange> exchange);

 private:
  Result<void> ready();
  void refresh_gauges();

  Stream& stream_;
  Progress& progress_;
  Metrics& metrics_;
  FileSystem& files_;
  const std::string data_;
  const Roles roles_;
  std::mutex mutex_;  // of what follows
  engine::Supervisor* engine_ = nullptr;
  Views* views_ = nullptr;
  const ViewMirror* mirror_ = nullptr;
  std::string store_trouble_ = "starting";
  bool draining_ = false;
};

}  // namespace millrace
