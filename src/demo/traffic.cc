#include "demo/traffic.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/append_format.h"

namespace millrace {
namespace {

constexpr double kStepsOfSession = 9;        // on average
constexpr double kSecondsBetweenSteps = 22;  // median
constexpr double kZipfExponent = 1.1;        // how much more the most active users do
constexpr TimeNs kWarmUp = 900'000'000'000;  // several times as long as most sessions
constexpr std::size_t kUnseenAtOnce = 10'000;
constexpr double kAnonymousShare = 0.22;  // of sessions

template <typename T>
using Weighted = std::pair<double, T>;

constexpr Weighted<const char*> kCountries[] = {{28, "US"}, {13, "DE"}, {11, "GB"}, {9, "IN"}, {7, "FR"},
                                                {6, "BR"},  {5, "CA"},  {4, "NL"},  {4, "ES"}, {4, "JP"},
                                                {3, "AU"},  {3, "PL"},  {2, "SE"},  {1, "PT"}};
constexpr Weighted<const char*> kPlans[] = {{70, "free"}, {20, "pro"}, {8, "team"}, {2, "enterprise"}};
constexpr Weighted<const char*> kDevices[] = {{58, "desktop"}, {34, "phone"}, {8, "tablet"}};
constexpr Weighted<const char*> kBrowsers[] = {{61, "Chrome"}, {19, "Safari"}, {12, "Firefox"}, {8, "Edge"}};
constexpr Weighted<const char*> kReferrers[] = {{34, ""},       {26, "search"},  {14, "newsletter"},
                                                {10, "social"}, {9, "a friend"}, {7, "partner"}};
constexpr Weighted<const char*> kLaunchReferrers[] = {
    {46, "launch day"}, {22, "social"}, {16, "search"}, {9, ""}, {7, "newsletter"}};
constexpr Weighted<const char*> kPaths[] = {{24, "/"},          {17, "/pricing"}, {13, "/docs"},  {11, "/board"},
                                            {10, "/templates"}, {8, "/blog"},     {6, "/login"},  {5, "/docs/start"},
                                            {3, "/changelog"},  {2, "/about"},    {1, "/careers"}};
constexpr Weighted<const char*> kFeatures[] = {{30, "draw"},  {22, "write"}, {16, "comment"}, {12, "share"},
                                               {9, "export"}, {7, "import"}, {4, "present"}};
constexpr Weighted<const char*> kEndpoints[] = {
    {38, "/api/boards"}, {25, "/api/strokes"}, {15, "/api/comments"}, {12, "/api/search"}, {10, "/api/export"}};
enum class Step { kView, kFeature, kCall, kSearch, kInvite, kPurchase };
constexpr Weighted<Step> kSteps[] = {{40, Step::kView},  {31, Step::kFeature}, {18, Step::kCall},
                                     {7, Step::kSearch}, {2.6, Step::kInvite}, {1.4, Step::kPurchase}};
constexpr Weighted<Step> kVisitorSteps[] = {{86, Step::kView}, {14, Step::kSearch}};
constexpr std::array<double, 4> kPrices = {12, 29, 79, 240};

// A user is the same person every time: where she is and what she pays follows from her number.
struct Person {
  explicit Person(std::uint64_t seed)
      : chance(seed),
        country(chance.pick<const char*>(kCountries)),
        plan(chance.pick<const char*>(kPlans)),
        device(chance.pick<const char*>(kDevices)),
        browser(chance.pick<const char*>(kBrowsers)) {}
  Chance chance;
  const char* country;
  const char* plan;
  const char* device;
  const char* browser;
};

TimeNs ns(double seconds) { return static_cast<TimeNs>(seconds * 1e9); }

}  // namespace

Traffic::Traffic(const Story& story, const TrafficOptions& options, TimeNs from)
    : story_(story), options_(options), chance_(options.seed), at_(from), arrival_(from - kWarmUp) {
  plan_arrival();
  // Who came before is still there: without them the traffic would begin with next to nothing.
  std::string unseen;
  while (write_until(from, kUnseenAtOnce, unseen) == kUnseenAtOnce) {
    unseen.clear();
  }
  at_ = from;
}

void Traffic::plan_arrival() { arrival_ += ns(chance_.wait(story_.events_per_second(arrival_) / kStepsOfSession)); }

// Ranks by Zipf's law, by inverting its continuous form.
std::uint32_t Traffic::draw_user() {
  double top = std::pow(static_cast<double>(options_.users), 1.0 - kZipfExponent) - 1.0;
  double rank = std::pow(1.0 + chance_.unit() * top, 1.0 / (1.0 - kZipfExponent));
  return std::min(static_cast<std::uint32_t>(rank) - 1, options_.users - 1);
}

void Traffic::begin_session() {
  Session session;
  session.next = arrival_;
  session.number = sessions_++;
  session.known = !chance_.happens(kAnonymousShare);
  session.user = draw_user();
  session.steps = static_cast<std::uint16_t>(
      std::clamp(chance_.wait(1.0 / (kStepsOfSession - 1)) + 1.5, 1.0, 200.0));  // itself exponential
  active_.push(session);
  plan_arrival();
}

std::size_t Traffic::write_until(TimeNs until, std::size_t events_max, std::string& lines) {
  std::size_t count = 0;
  while (count < events_max) {
    while (arrival_ < until && (active_.empty() || arrival_ <= active_.top().next)) {
      begin_session();
    }
    if (active_.empty() || active_.top().next >= until) {
      break;
    }
    Session session = active_.top();
    active_.pop();
    write_event(session, lines);
    ++count;
    if (++session.step < session.steps) {
      session.next += ns(std::min(chance_.log_normal(kSecondsBetweenSteps, 2.2), 900.0));
      active_.push(session);
    }
  }
  return count;
}

void Traffic::write_step(const Session& session, const char*& name, std::string& properties) {
  double slow = story_.slowness(at_);
  bool failed = chance_.happens(story_.failing(at_));
  Step step = session.step == 0 ? Step::kView
              : session.known   ? chance_.pick<Step>(kSteps)
                                : chance_.pick<Step>(kVisitorSteps);
  switch (step) {
    case Step::kView:
      name = "page_viewed";
      append_format(properties, R"("path":"{}","load_ms":{:.0f})", chance_.pick<const char*>(kPaths),
                    chance_.log_normal(240 * slow, 1.7));
      break;
    case Step::kFeature:
      name = "feature_used";
      append_format(properties, R"("feature":"{}","objects":{})",
                    story_.launched(at_) && chance_.happens(0.3) ? "canvas" : chance_.pick<const char*>(kFeatures),
                    static_cast<int>(chance_.log_normal(14, 2.4)));
      break;
    case Step::kCall:
      name = failed ? "error_shown" : "api_called";
      append_format(properties, R"("endpoint":"{}","status":{},"latency_ms":{:.1f})",
                    chance_.pick<const char*>(kEndpoints), failed ? (chance_.happens(0.8) ? 503 : 500) : 200,
                    chance_.log_normal(38 * slow, 1.9));
      break;
    case Step::kSearch:
      name = "search_done";
      append_format(properties, R"("results":{},"latency_ms":{:.1f})", static_cast<int>(chance_.log_normal(9, 3)),
                    chance_.log_normal(65 * slow, 1.8));
      break;
    case Step::kInvite:
      name = "teammate_invited";
      append_format(properties, R"("seats":{})", 1 + static_cast<int>(chance_.wait(0.7)));
      break;
    case Step::kPurchase:
      name = failed ? "error_shown" : "purchase_done";
      if (failed) {
        append_format(properties, R"("endpoint":"/api/checkout","status":503,"latency_ms":{:.1f})",
                      chance_.log_normal(400 * slow, 1.5));
      } else {
        append_format(properties, R"("amount":{:.2f},"currency":"EUR")",
                      kPrices[static_cast<std::size_t>(chance_.unit() * kPrices.size())] *
                          (1 + static_cast<int>(chance_.wait(1.2))));
      }
      break;
  }
}

void Traffic::write_event(Session& session, std::string& lines) {
  at_ = session.next;
  properties_.clear();
  const char* name = nullptr;
  bool signs_up = !session.known && session.step > 1 && chance_.happens(story_.failing(at_) > 0.1 ? 0.01 : 0.06);
  if (signs_up) {
    session.known = true;
    name = "signed_up";
    append_format(properties_, R"("method":"{}")", chance_.happens(0.55) ? "email" : "single sign-on");
  } else {
    write_step(session, name, properties_);
  }
  Person person(options_.people ^ (session.user * 0x9e3779b97f4a7c15ULL));
  if (session.step == 0) {
    const char* referrer =
        story_.launched(at_) ? chance_.pick<const char*>(kLaunchReferrers) : chance_.pick<const char*>(kReferrers);
    if (referrer[0] != '\0') {
      append_format(properties_, R"(,"referrer":"{}")", referrer);
    }
  }
  append_format(lines, R"({{"event":"{}","message_id":"{}-{}","session_id":"s{}-{}","timestamp":{},)", name,
                options_.id_prefix, events_++, options_.id_prefix, session.number, at_ / 1'000'000);
  if (session.known) {
    append_format(lines, R"("user_id":"user-{:06}",)", session.user + 1);
  }
  if (!session.known || signs_up) {
    append_format(lines, R"("anonymous_id":"visitor-{}-{}",)", options_.id_prefix, session.number);
  }
  append_format(lines,
                R"("properties":{{{},"plan":"{}","country":"{}","device":"{}","browser":"{}","version":"{}"}}}})",
                properties_, session.known ? person.plan : "none", person.country, person.device, person.browser,
                story_.version(at_));
  lines += '\n';
}

}  // namespace millrace
