#pragma once
// POST /v1/events and GET /v1/failed. docs/guides/sending-events.md is what their users read.
//
// Errors are application/problem+json; these are their types (urn:millrace:error:<type>):
//
//   400 invalid-request         the request as a whole makes no sense; nothing of it was taken
//   400 no-valid-events         every event was rejected; the members accepted, rejected and rejected_count say why
//   413 body-too-large          more bytes or events than a request may have
//   415 unsupported-media-type  Content-Type is none of application/json, application/x-ndjson, text/plain
//   415 unsupported-encoding    Content-Encoding is none of identity, gzip, zstd
//   429 too-many-requests       more than can be taken at the moment; Retry-After says when to try again
//   503 unavailable             nothing can be taken (disk full or failed); Retry-After says when to try again
//
// (unauthorized and forbidden are the router's.) After 429 and 503 nothing is acknowledged: send the whole request
// again. Events without an id may be there twice then, if a part of it had been taken.

#include <cstddef>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "control/keys.h"
#include "http/server.h"
#include "ingest/secret_of.h"
#include "io/clock.h"
#include "stream/failed_events.h"
#include "stream/stream.h"

namespace millrace {

struct IngestLimits {
  std::size_t body_bytes_max = 10 << 20;  // on the wire
  std::size_t unpacked_bytes_max = 64 << 20;
  std::size_t in_flight_bytes_max = 256 << 20;  // of requests that are being read or wait for the disk
  std::int64_t waiting_ms_max = 500;            // for a request whose body is there, until its turn
  std::size_t event_bytes_max = 1'000'000;
  std::size_t batch_events_max = 10'000;
};

// Safe from any thread. All it was given must outlive it, and it must outlive every append that it made: stop the
// stream first.
class IngestApi {
 public:
  IngestApi(Stream& stream, FailedEvents& failed, Clock& clock, Metrics& metrics, const IngestLimits& limits);
  ~IngestApi();

  // Whoever calls has made sure that the principal may write, or read.
  void post_events(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_failed(const Principal& principal, std::unique_ptr<http::Exchange> exchange);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace millrace
