#include "cmd/load_proof.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/time_format.h"
#include "cmd/times.h"

namespace millrace::cmd {
namespace {

using Clock = std::chrono::steady_clock;

// A query over a whole long run might be cut by the server's time limit; a slice of it isn't.
constexpr TimeNs kSlice = 20 * kSecond;

std::uint64_t number(const Json& object, std::string_view key) {
  const Json* found = object.find(key);
  return found != nullptr ? static_cast<std::uint64_t>(found->integer().value_or(0)) : 0;
}

Result<std::uint64_t> count_between(const Connection& connection, const std::string& run, TimeNs from, TimeNs to) {
  JsonWriter query;
  query.begin_object().key("measures").begin_array().string("count").end_array();
  query.key("where").begin_array().string("=").string("properties.run").string(run).end_array();
  query.key("range").begin_array().string(format_rfc3339(from)).string(format_rfc3339(to)).end_array();
  query.end_object();
  MR_ASSIGN(Json answer, ask(connection, "POST", "/v1/query", query.take()));
  const Json* columns = answer.find("columns");
  if (columns == nullptr || columns->items().empty() || columns->items()[0].find("values") == nullptr) {
    return invalid("the server's answer to a count has no column");
  }
  const std::vector<Json>& values = columns->items()[0].find("values")->items();
  return values.empty() ? 0 : static_cast<std::uint64_t>(values[0].integer().value_or(0));
}

Result<std::uint64_t> count_run(const Connection& connection, const ProofInput& input) {
  std::uint64_t sum = 0;
  TimeNs end = input.end + kSecond;
  for (TimeNs from = input.begin - input.options.events.late_max - kSecond; from < end; from += kSlice) {
    MR_ASSIGN(std::uint64_t count,
              count_between(connection, input.options.events.run, from, std::min(from + kSlice, end)));
    sum += count;
  }
  return sum;
}

}  // namespace

Result<Audit> ask_audit(const Connection& connection) {
  MR_ASSIGN(Json health, ask(connection, "GET", "/v1/health"));
  const Json* audit = health.find("audit");
  const Json* partitions = health.find("partitions");
  if (audit == nullptr || partitions == nullptr) {
    return invalid("this is not Millrace's health");
  }
  Audit result;
  result.accepted = number(*audit, "accepted");
  result.stored = number(*audit, "stored");
  result.repeats = number(*audit, "repeats");
  result.failed = number(*audit, "failed");
  result.lost = number(*audit, "lost");
  result.holds = audit->find("holds") != nullptr && audit->find("holds")->boolean();
  result.all_stored = !partitions->items().empty();
  for (const Json& partition : partitions->items()) {
    result.all_stored = result.all_stored && number(partition, "stored_until") == number(partition, "durable_end");
  }
  return result;
}

Result<Audit> settled_audit(const Connection& connection, double patience, const std::function<bool()>& interrupted) {
  Clock::time_point begin = Clock::now();
  MR_ASSIGN(Audit audit, ask_audit(connection));
  while (!audit.all_stored && !interrupted() && seconds_since(begin) < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // between two questions to another process
    MR_ASSIGN(audit, ask_audit(connection));
  }
  return audit;
}

Result<load::Proof> prove(const Connection& connection, const ProofInput& input,
                          const std::function<bool()>& interrupted) {
  Clock::time_point begin = Clock::now();
  MR_ASSIGN(Audit after, settled_audit(connection, input.patience, interrupted));
  if (!after.all_stored) {
    return unavailable(
        fmt::format("{} of {} events were stored when waiting ended", after.stored + after.repeats, after.accepted));
  }
  load::Proof proof;
  proof.seconds = seconds_since(begin);
  proof.log = after.accepted - input.before.accepted;
  proof.stored = after.stored - input.before.stored;
  proof.repeats = after.repeats - input.before.repeats;
  proof.failed = after.failed - input.before.failed;
  proof.lost = after.lost - input.before.lost;
  proof.audit_holds = after.holds;
  const load::Totals& totals = input.report->totals;
  proof.counted_min = totals.accepted.get() - totals.repeats.get();
  proof.counted_max = proof.counted_min + totals.unknown.get() + totals.failed.get();
  MR_ASSIGN(proof.counted, count_run(connection, input));
  // What others sent can hide among requests of unknown outcome; their rows are not this run's.
  proof.others = proof.log > totals.accepted.get() + totals.unknown.get() + totals.failed.get() ||
                 (totals.unknown.get() > 0 && proof.stored > proof.counted);
  return proof;
}

}  // namespace millrace::cmd
