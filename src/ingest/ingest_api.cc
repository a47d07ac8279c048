#include "ingest/ingest_api.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "http/decode.h"
#include "ingest/admission.h"
#include "ingest/answers.h"
#include "ingest/ingest_request.h"
#include "ingest/native/event_parser.h"
#include "ingest/pool.h"

namespace millrace {

namespace {

constexpr std::size_t kFailedRawBytesMax = 16 << 10;
constexpr std::size_t kFailedListedMax = 1000;
constexpr std::size_t kRequestsKept = 256;
constexpr std::size_t kRequestMemoryKept = 1 << 20;  // larger ones are given back to the system
constexpr std::size_t kParsersKept = 64;

enum class BodyKind { kJson, kLines, kOther };

bool is_type(std::string_view type, std::string_view name) {
  return std::equal(type.begin(), type.end(), name.begin(), name.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

BodyKind body_kind(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) {
    type.remove_suffix(1);
  }
  if (type.empty() || is_type(type, "application/json") || is_type(type, "text/plain")) {
    return BodyKind::kJson;
  }
  return is_type(type, "application/x-ndjson") ? BodyKind::kLines : BodyKind::kOther;
}

bool is_good_idempotency_key(std::string_view key) {
  return key.size() <= kIdempotencyKeyBytesMax &&
         std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Pages of any origin may send events with a write key, and read what came of it.
void reply_to_any_origin(http::Exchange& exchange, http::Response response) {
  response.any_origin = true;
  exchange.reply(std::move(response));
}

}  // namespace

class IngestApi::Core {
 public:
  Core(Stream& stream, FailedEvents& failed, Clock& clock, Metrics& metrics, const IngestLimits& limits)
      : stream_(stream),
        failed_(failed),
        clock_(clock),
        metrics_(metrics),
        limits_(limits),
        admission_(limits.in_flight_bytes_max, limits.waiting_ms_max, metrics),
        requests_(kRequestsKept),
        parsers_(kParsersKept) {}

  void post_events(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_failed(const Principal& principal, http::Exchange& exchange);

 private:
  // What is known of a request before its body has come.
  struct Pending {
    std::string project;
    http::Encoding encoding = http::Encoding::kIdentity;
    bool lines_only = false;
    Reservation reservation;
  };

  void refuse(http::Exchange& exchange, http::Response response) {
    metrics_.add(Metric::kIngestRefusedRequests);
    reply_to_any_origin(exchange, std::move(response));
  }
  std::optional<http::Response> check_head(const Principal& principal, http::Exchange& exchange, Pending& pending);
  void take_body(Pending& pending, std::unique_ptr<http::Exchange> exchange, std::string_view body);
  Result<void> parse(const Pending& pending, std::string_view body, TimeNs received, IngestRequest& request);
  std::optional<http::Response> unpack_and_parse(const Pending& pending, std::string_view body, TimeNs received,
                                                 IngestRequest& request);
  void keep_rejected(const IngestRequest& request, TimeNs received);
  void keep_failed(std::string_view project, std::string_view reason, std::string_view raw, TimeNs received);
  void finish(std::unique_ptr<IngestRequest> request);
  void give_back(std::unique_ptr<IngestRequest> request);

  Stream& stream_;
  FailedEvents& failed_;
  Clock& clock_;
  Metrics& metrics_;
  const IngestLimits limits_;
  Admission admission_;
  // Ready-made: under overload they are what is answered most.
  const http::Response late_ = busy("Requests wait for their turn and for the disk longer than ingest.waiting_max.");
  const http::Response crowded_ =
      busy("The bytes of requests in memory have reached their bound (ingest.in_flight_bytes).");
  Pool<IngestRequest> requests_;
  Pool<EventParser> parsers_;
};

void IngestApi::Core::post_events(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  metrics_.add(Metric::kIngestRequests);
  // shared_ptr: a body handler must be copyable. When the server drops it unused, the reservation goes with it.
  auto pending = std::make_shared<Pending>();
  pending->project = principal.project;
  if (std::optional<http::Response> refusal = check_head(principal, *exchange, *pending)) {
    return refuse(*exchange, *std::move(refusal));
  }
  http::Exchange::read_body(std::move(exchange), limits_.body_bytes_max,
                            [this, pending](std::unique_ptr<http::Exchange> ready, std::string_view body) {
                              take_body(*pending, std::move(ready), body);
                            });
}

std::optional<http::Response> IngestApi::Core::check_head(const Principal& principal, http::Exchange& exchange,
                                                          Pending& pending) {
  const http::Head& head = exchange.head();
  BodyKind kind = body_kind(head.header("content-type"));
  if (kind == BodyKind::kOther) {
    return http::problem(415, "unsupported-media-type", "The body's type is not supported",
                         "Send events as application/json, application/x-ndjson or text/plain.");
  }
  pending.lines_only = kind == BodyKind::kLines;
  std::optional<http::Encoding> encoding = http::parse_encoding(head.header("content-encoding"));
  if (!encoding) {
    return http::problem(415, "unsupported-encoding", "The body's encoding is not supported",
                         "Compress with gzip or zstd, or not at all.");
  }
  pending.encoding = *encoding;
  if (!is_good_idempotency_key(head.header("idempotency-key"))) {
    return http::problem(400, "invalid-request", "The Idempotency-Key is not usable",
                         fmt::format("It may have up to {} printable ASCII characters.", kIdempotencyKeyBytesMax));
  }
  auto length = static_cast<std::size_t>(std::max<std::int64_t>(head.content_length, 0));
  if (length > limits_.body_bytes_max) {
    return body_too_large(fmt::format("A body may have {} bytes; send it in parts.", limits_.body_bytes_max));
  }
  if (Result<void> health = stream_.health(); !health.ok()) {
    return out_of_service(health.error().message);
  }
  // A chunked body may become as large as any, for all we know.
  std::int64_t waiting_ms = exchange.waiting_ms() + stream_.waiting_ms();
  std::optional<Reservation> admitted =
      admission_.admit(principal.key_id, head.content_length < 0 ? limits_.body_bytes_max : length, waiting_ms);
  if (!admitted) {
    return waiting_ms >= limits_.waiting_ms_max ? late_ : crowded_;
  }
  pending.reservation = *std::move(admitted);
  if (pending.reservation.goes_first()) {
    exchange.go_first();
  }
  return std::nullopt;
}

void IngestApi::Core::take_body(Pending& pending, std::unique_ptr<http::Exchange> exchange, std::string_view body) {
  std::unique_ptr<IngestRequest> request = requests_.take([this] {
    return std::make_unique<IngestRequest>([this](std::unique_ptr<IngestRequest> done) { finish(std::move(done)); });
  });
  TimeNs received = clock_.wall();
  request->exchange = std::move(exchange);
  request->project = pending.project;
  request->reservation = std::move(pending.reservation);
  if (std::optional<http::Response> refusal = unpack_and_parse(pending, body, received, *request)) {
    std::unique_ptr<http::Exchange> answered = std::move(request->exchange);
    give_back(std::move(request));
    return refuse(*answered, *std::move(refusal));
  }
  IngestRequest::append(std::move(request), stream_, received,
                        [this, received](IngestRequest& appended) { keep_rejected(appended, received); });
}

std::optional<http::Response> IngestApi::Core::unpack_and_parse(const Pending& pending, std::string_view body,
                                                                TimeNs received, IngestRequest& request) {
  if (pending.encoding != http::Encoding::kIdentity) {
    http::DecodeLimits limits;
    limits.bytes_max = limits_.unpacked_bytes_max;
    if (Result<void> unpacked = http::decode(pending.encoding, body, limits, request.unpacked); !unpacked.ok()) {
      return unpacked.error().code == Code::kFull
                 ? body_too_large(unpacked.error().message)
                 : http::problem(400, "invalid-request", "The body can't be unpacked", unpacked.error().message);
    }
    body = request.unpacked;
  }
  Result<void> parsed = parse(pending, body, received, request);
  if (!parsed.ok() && parsed.error().code == Code::kFull) {
    return body_too_large(parsed.error().message + "; send them in parts.");
  }
  if (!parsed.ok() && parsed.error().code == Code::kInvalid) {
    keep_failed(request.project, parsed.error().message, body, received);
    return http::problem(400, "invalid-request", "The body is not valid JSON",
                         parsed.error().message + ". Nothing of it was taken.");
  }
  if (request.batch.accepted == 0) {
    keep_rejected(request, received);
    return nothing_valid_answer(request.batch);
  }
  if (!request.reservation.resize(body.size() + request.batch.record_bytes())) {
    return busy("The bytes of requests in memory have reached their bound (ingest.in_flight_bytes).");
  }
  metrics_.add(Metric::kIngestAcceptedBytes, static_cast<std::int64_t>(body.size()));
  return std::nullopt;
}

Result<void> IngestApi::Core::parse(const Pending& pending, std::string_view body, TimeNs received,
                                    IngestRequest& request) {
  std::unique_ptr<EventParser> parser = parsers_.take([this] {
    return std::make_unique<EventParser>(stream_.partitions(),
                                         ParseLimits{limits_.event_bytes_max, limits_.batch_events_max});
  });
  ParseContext context;
  context.project = request.project;
  context.idempotency_key = request.exchange->head().header("idempotency-key");
  context.received = received;
  context.lines_only = pending.lines_only;
  Result<void> parsed = parser->parse(body, context, request.batch);
  parsers_.give(std::move(parser));
  return parsed;
}

void IngestApi::Core::keep_rejected(const IngestRequest& request, TimeNs received) {
  for (std::size_t i = 0; i < request.batch.rejected.size(); ++i) {
    keep_failed(request.project, request.batch.reason(i), request.batch.rejected[i].raw, received);
  }
}

void IngestApi::Core::keep_failed(std::string_view project, std::string_view reason, std::string_view raw,
                                  TimeNs received) {
  metrics_.add(Metric::kIngestRejectedEvents);
  FailedEvent event;
  event.at = received;
  event.project = project;
  event.stage = "ingest";
  event.reason = reason;
  event.raw = raw.substr(0, kFailedRawBytesMax);
  event.truncated = raw.size() > kFailedRawBytesMax;
  failed_.add(event);
}

void IngestApi::Core::finish(std::unique_ptr<IngestRequest> request) {
  http::Response response;
  if (!request->error()) {
    metrics_.add(Metric::kIngestAcceptedEvents, request->batch.accepted);
    response = accepted_answer(request->batch, request->position(stream_.generation()));
  } else {
    metrics_.add(Metric::kIngestRefusedRequests);
    // A full queue empties by itself in a moment; a full or broken disk doesn't.
    const Error& error = *request->error();
    bool only_busy = error.code == Code::kFull && stream_.health().ok();
    response = error.code == Code::kInvalid ? body_too_large(error.message)
               : only_busy                  ? busy(error.message)
                                            : out_of_service(error.message);
  }
  std::unique_ptr<http::Exchange> exchange = std::move(request->exchange);
  give_back(std::move(request));
  reply_to_any_origin(*exchange, std::move(response));
}

void IngestApi::Core::give_back(std::unique_ptr<IngestRequest> request) {
  request->clear();
  if (request->memory() <= kRequestMemoryKept) {
    requests_.give(std::move(request));
  }
}

void IngestApi::Core::get_failed(const Principal& principal, http::Exchange& exchange) {
  std::size_t limit = 100;
  if (const std::string* text = exchange.head().parameter("limit")) {
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > kFailedListedMax) {
      return exchange.reply(http::problem(400, "invalid-request", "The limit is not usable",
                                          fmt::format("limit is a number from 1 to {}.", kFailedListedMax)));
    }
  }
  exchange.reply(failed_answer(failed_.latest(principal.project, limit)));
}

IngestApi::IngestApi(Stream& stream, FailedEvents& failed, Clock& clock, Metrics& metrics, const IngestLimits& limits)
    : core_(std::make_unique<Core>(stream, failed, clock, metrics, limits)) {}

IngestApi::~IngestApi() = default;

void IngestApi::post_events(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  core_->post_events(principal, std::move(exchange));
}

void IngestApi::get_failed(const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
  core_->get_failed(principal, *exchange);
}

}  // namespace millrace
