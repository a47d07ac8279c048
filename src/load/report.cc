#include "load/report.h"

#include <fmt/format.h>

#include "base/json.h"

namespace millrace::load {
namespace {

double us(TimeNs duration) { return static_cast<double>(duration) / 1000; }

std::string latency_line(const char* name, const Histogram& of) {
  if (of.count() == 0) {
    return {};
  }
  return fmt::format("  {:<22} p50 {:>9}   p90 {:>9}   p99 {:>9}   p99.9 {:>9}   most {:>9}\n", name,
                     format_latency(of.quantile(0.5)), format_latency(of.quantile(0.9)),
                     format_latency(of.quantile(0.99)), format_latency(of.quantile(0.999)), format_latency(of.max()));
}

std::string count_line(const char* name, std::uint64_t events, const std::string& remark) {
  return fmt::format("  {:<22} {:>14}   {}\n", name, format_count(events), remark);
}

std::string unsent_text(const Totals& totals, bool interrupted) {
  std::string text;
  auto add = [&text](std::uint64_t requests, std::string_view why) {
    if (requests > 0) {
      text += fmt::format("{}{}", text.empty() ? "" : ", or ", why);
    }
  };
  std::uint64_t unconnected = totals.unsent_unconnected.get(), at_end = totals.unsent_at_end.get();
  add(totals.unsent_requests.get() - unconnected - at_end, "every connection was waiting for an answer");
  add(unconnected, "there was no connection to the server");
  add(at_end, interrupted ? "it was interrupted before their turn" : "it ended before their turn");
  return text;
}

std::string proof_text(const Proof& proof) {
  std::string text = fmt::format("{}\n", proof.holds() ? "proved: accepted = stored = counted" : "NOT PROVED");
  text += count_line("in the log", proof.log, proof.others ? "somebody else was sending too" : "");
  text += count_line(
      "stored", proof.stored,
      fmt::format("and {} repeats, {} failed, {} lost; all of it {:.1f} s after the last answer",
                  format_count(proof.repeats), format_count(proof.failed), format_count(proof.lost), proof.seconds));
  text += count_line("counted by a query", proof.counted,
                     proof.counted_min == proof.counted_max
                         ? fmt::format("of {} expected: accepted, less repeats", format_count(proof.counted_min))
                         : fmt::format("of {} to {} expected: some outcomes are unknown",
                                       format_count(proof.counted_min), format_count(proof.counted_max)));
  return text;
}

void write_latency(JsonWriter& json, std::string_view name, const Histogram& of) {
  json.key(name).begin_object();
  json.key("count").unsigned_integer(of.count());
  json.key("p50_us").number(us(of.quantile(0.5))).key("p90_us").number(us(of.quantile(0.9)));
  json.key("p99_us").number(us(of.quantile(0.99))).key("p999_us").number(us(of.quantile(0.999)));
  json.key("max_us").number(us(of.max())).end_object();
}

void write_proof(JsonWriter& json, const Proof& proof) {
  json.key("proof").begin_object();
  json.key("holds").boolean(proof.holds()).key("log").unsigned_integer(proof.log);
  json.key("stored").unsigned_integer(proof.stored).key("repeats").unsigned_integer(proof.repeats);
  json.key("failed").unsigned_integer(proof.failed).key("lost").unsigned_integer(proof.lost);
  json.key("counted").unsigned_integer(proof.counted).key("counted_min").unsigned_integer(proof.counted_min);
  json.key("counted_max").unsigned_integer(proof.counted_max).key("others").boolean(proof.others);
  json.key("seconds").number(proof.seconds).end_object();
}

}  // namespace

std::string format_count(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) {
    digits.insert(at - 3, ",");
  }
  return digits;
}

std::string with_advice(std::string why, std::string_view advice) {
  if (why.ends_with('.')) {
    why.pop_back();
  }
  return fmt::format("{}; {}", why, advice);
}

std::string format_latency(TimeNs duration) {
  auto ns = static_cast<double>(duration);
  return ns < 1e6   ? fmt::format("{:.0f} µs", ns / 1e3)
         : ns < 1e9 ? fmt::format("{:.2f} ms", ns / 1e6)
                    : fmt::format("{:.2f} s", ns / 1e9);
}

std::string second_text(const Second& second) {
  double seconds = std::max(second.seconds, 0.001);
  auto rate = [seconds](std::uint64_t count) {
    return format_count(static_cast<std::uint64_t>(static_cast<double>(count) / seconds));
  };
  std::string text = fmt::format("{:>5} s  {:>10} events/s accepted", second.number, rate(second.accepted));
  if (second.refused > 0) {
    text += fmt::format(", {} refused", rate(second.refused));
  }
  if (second.other > 0) {
    text += fmt::format(", {} failed", rate(second.other));
  }
  if (second.silent > 0) {
    text += fmt::format(", no answer for {:.1f} s", static_cast<double>(second.silent) / 1e9);
  }
  if (second.longest > 0) {
    text += fmt::format(", p50 {}, p99 {}, longest {}", format_latency(second.p50), format_latency(second.p99),
                        format_latency(second.longest));
  }
  return text;
}

std::string report_text(const LoadOptions& options, const LoadReport& report, const std::optional<Proof>& proof,
                        const std::string& no_proof) {
  const Totals& totals = report.totals;
  double seconds = std::max(report.elapsed, 1e-9);
  auto per_second = [seconds](std::uint64_t count) { return static_cast<double>(count) / seconds; };
  std::string text =
      fmt::format("{:.1f} s, {} events a request, {} connections, seed {}{}\n", report.elapsed, options.batch,
                  options.connections, options.seed, report.interrupted ? ", interrupted" : "");
  text += count_line("events accepted", totals.accepted.get(),
                     fmt::format("{}/s{}", format_count(static_cast<std::uint64_t>(per_second(totals.accepted.get()))),
                                 options.rate > 0 ? fmt::format(" of {}/s meant",
                                                                format_count(static_cast<std::uint64_t>(options.rate)))
                                                  : ", as fast as answers came"));
  text += count_line("  of them repeats", totals.repeats.get(), "sent again on purpose, to be counted once");
  text += count_line("rejected", totals.rejected.get(),
                     fmt::format("{} were sent malformed on purpose", format_count(totals.malformed.get())));
  if (totals.refused_requests.get() > 0) {
    text += count_line("refused (429, 503)", totals.refused.get(),
                       fmt::format("in {} requests", format_count(totals.refused_requests.get())));
  }
  if (totals.failed_requests.get() > 0) {
    text += count_line("failed", totals.failed.get(), report.trouble);
  }
  if (totals.unknown_requests.get() > 0) {
    text += count_line("without an answer", totals.unknown.get(), "they may have been taken or not");
  }
  if (totals.unsent_requests.get() > 0) {
    text += count_line("due, never sent", totals.unsent_requests.get() * options.batch,
                       unsent_text(totals, report.interrupted));
  }
  text += latency_line(options.rate > 0 ? "latency, from when due" : "latency", totals.latency);
  if (options.rate > 0) {
    text += latency_line("from when sent", totals.service);
  }
  text += latency_line("of refusals", totals.refusals);
  text += fmt::format("  {:<22} {}\n", "longest without answer", format_latency(report.silence));
  text += fmt::format("  {:<22} {:.3f} µs an event, {:.2f} of a core\n", "this program's CPU",
                      report.cpu_seconds * 1e6 / std::max(1.0, static_cast<double>(totals.accepted.get())),
                      report.cpu_seconds / seconds);
  text += proof ? proof_text(*proof) : "not proved: " + no_proof + "\n";
  return text;
}

std::string report_json(const LoadOptions& options, const LoadReport& report, const std::optional<Proof>& proof) {
  const Totals& totals = report.totals;
  JsonWriter json;
  json.begin_object();
  json.key("run").string(options.events.run).key("seed").unsigned_integer(options.seed);
  json.key("rate").number(options.rate).key("events_a_request").unsigned_integer(options.batch);
  json.key("connections").unsigned_integer(options.connections);
  json.key("processes").unsigned_integer(options.processes);
  json.key("users").unsigned_integer(options.events.users);
  json.key("seconds").number(report.elapsed).key("interrupted").boolean(report.interrupted);
  struct Named {
    const char* name;
    const Count& count;
  };
  for (const Named& one : {Named{"requests", totals.requests},
                           {"accepted", totals.accepted},
                           {"repeats", totals.repeats},
                           {"rejected", totals.rejected},
                           {"malformed", totals.malformed},
                           {"refused_requests", totals.refused_requests},
                           {"refused", totals.refused},
                           {"failed_requests", totals.failed_requests},
                           {"failed", totals.failed},
                           {"unknown_requests", totals.unknown_requests},
                           {"unknown", totals.unknown},
                           {"unsent_requests", totals.unsent_requests},
                           {"unsent_unconnected", totals.unsent_unconnected},
                           {"unsent_at_end", totals.unsent_at_end},
                           {"connects", totals.connects},
                           {"bytes", totals.bytes}}) {
    json.key(one.name).unsigned_integer(one.count.get());
  }
  json.key("events_per_s").number(static_cast<double>(totals.accepted.get()) / std::max(report.elapsed, 1e-9));
  json.key("cpu_seconds").number(report.cpu_seconds).key("trouble").string(report.trouble);
  write_latency(json, "latency", totals.latency);
  write_latency(json, "service", totals.service);
  write_latency(json, "refusals", totals.refusals);
  json.key("silence_us").number(us(report.silence));
  json.key("timeline").begin_array();
  for (const Second& second : report.seconds) {
    json.begin_object().key("second").unsigned_integer(second.number).key("length").number(second.seconds);
    json.key("accepted").unsigned_integer(second.accepted).key("refused").unsigned_integer(second.refused);
    json.key("other").unsigned_integer(second.other).key("silent_us").number(us(second.silent));
    if (second.longest > 0) {
      json.key("p50_us").number(us(second.p50)).key("p99_us").number(us(second.p99));
      json.key("max_us").number(us(second.longest));
    } else {
      json.key("p50_us").null().key("p99_us").null().key("max_us").null();
    }
    json.end_object();
  }
  json.end_array();
  if (proof) {
    write_proof(json, *proof);
  } else {
    json.key("proof").null();
  }
  json.end_object();
  return json.take();
}

}  // namespace millrace::load
