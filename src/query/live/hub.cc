#include "query/live/hub.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/time_format.h"
#include "io/random.h"
#include "query/questions.h"

namespace millrace {
namespace {

constexpr TimeNs kSoonNs = 10'000'000;
constexpr TimeNs kUnwatchedMax = 60 * kSecond;
constexpr std::size_t kQuestionsMax = 64;  // that wait for a thread

std::string view_state(const ViewTable& table) { return table.live() ? "live" : "building"; }

const char* origin_word(ViewOrigin origin) {
  switch (origin) {
    case ViewOrigin::kBuiltIn:
      return "built-in";
    case ViewOrigin::kConfig:
      return "config";
    case ViewOrigin::kApi:
      break;
  }
  return "api";
}

Result<Answer> answer_of(const LiveParts& parts, const std::string& project, const std::string& json) {
  QueryContext context{project, parts.clock.wall(), &parts.store, parts.budget};
  MR_ASSIGN(Question question, read_question(QuestionKind::kMetrics, json, context, parts.clock));
  return question.run();
}

}  // namespace

LiveHub::LiveHub(const LiveParts& parts, const LiveLimits& limits, http::FanOut& fan_out)
    : parts_(parts),
      limits_(limits),
      fan_out_(fan_out),
      passes_(parts.admits),
      incarnation_(fmt::format("{:08x}", static_cast<std::uint32_t>(random_number()))),
      began_(parts.clock.monotonic()),
      pool_(std::make_unique<WorkerPool<std::function<void()>>>(limits.threads, kQuestionsMax,
                                                                [](const std::function<void()>& work) { work(); })) {
  thread_ = std::make_unique<Thread>("live-hub", [this] { run(); });
}

LiveHub::~LiveHub() { stop(); }

void LiveHub::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.reset();
  pool_->stop();
}

void LiveHub::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    TimeNs next = step();
    TimeNs now = parts_.clock.monotonic();
    if (next > now && !stopping_) {
      woken_.wait_for(lock, std::chrono::nanoseconds(next - now));
    }
  }
}

// With mutex_ held.
TimeNs LiveHub::step() {
  TimeNs now = parts_.clock.monotonic();
  TimeNs wall = parts_.clock.wall();
  if (now >= refresh_all_) {  // so that nothing piles up in the processors while nobody watches
    forget_views();
    for (const ViewSpecPtr& spec : parts_.views.list()) {
      table_of(spec).refresh();
    }
    passes_.check();
    refresh_all_ = now + kSecond;
  }
  TimeNs next = refresh_all_;
  bool published = false;
  for (auto one = watched_.begin(); one != watched_.end();) {
    Watched& watched = one->second;
    if (watched.topic->channel().use_count() > 1) {
      watched.needed = now;
    } else if (now - watched.needed > kUnwatchedMax && forget(one->first, *watched.topic)) {
      one = watched_.erase(one);
      continue;
    }
    if (now >= watched.due) {
      if (const TopicName& name = watched.topic->name(); name.kind == TopicName::Kind::kView) {
        if (ViewSpecPtr spec = parts_.views.find(name.view)) {
          table_of(spec).refresh();
        }
      }
      published = watched.topic->tick(wall) || published;
      watched.due = now + watched.topic->period();
    }
    next = std::min(next, watched.due);
    ++one;
  }
  if (published) {
    fan_out_.wake();
  }
  return fan_out_.hand_over() ? std::min(next, now + kSoonNs) : next;
}

// False when somebody has come to read it meanwhile.
bool LiveHub::forget(const std::string& key, const Topic& topic) {
  std::lock_guard lock(open_mutex_);
  if (topic.channel().use_count() > 1) {
    return false;
  }
  open_.erase(key);
  return true;
}

// Without waiting for a step: whoever comes does so on a thread that takes events as well.
std::vector<http::ChannelPtr> LiveHub::open_already(const std::vector<TopicName>& names) {
  std::vector<http::ChannelPtr> channels;
  std::lock_guard lock(open_mutex_);
  for (const TopicName& name : names) {
    auto found = open_.find(name.key());
    http::ChannelPtr channel = found == open_.end() ? nullptr : found->second.lock();
    if (channel == nullptr) {
      return {};
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

ViewTable& LiveHub::table_of(const ViewSpecPtr& spec) {
  std::unique_ptr<ViewTable>& table = tables_[spec];
  if (table == nullptr) {
    table = std::make_unique<ViewTable>(parts_.views, spec);
    table->refresh();
  }
  return *table;
}

// Topics of a view that was removed end: their readers keep what they have, and are told nothing new.
void LiveHub::forget_views() {
  std::vector<ViewSpecPtr> specs = parts_.views.list();
  auto gone = [&](const ViewSpecPtr& spec) { return std::find(specs.begin(), specs.end(), spec) == specs.end(); };
  std::erase_if(watched_, [&](const auto& entry) {
    const TopicName& name = entry.second.topic->name();
    return name.kind == TopicName::Kind::kView && parts_.views.find(name.view) == nullptr;
  });
  for (auto table = tables_.begin(); table != tables_.end();) {
    if (!gone(table->first)) {
      ++table;
      continue;
    }
    std::erase_if(watched_, [&](const auto& entry) {
      const TopicName& name = entry.second.topic->name();
      return name.kind == TopicName::Kind::kView && name.view == table->first->name;
    });
    table = tables_.erase(table);
  }
  std::lock_guard lock(open_mutex_);
  std::erase_if(open_, [&](const auto& entry) { return !watched_.contains(entry.first); });
}

// Higher than any that a channel of this name may have had before: none counts faster than a hundred a second.
std::uint64_t LiveHub::first_number() {
  return static_cast<std::uint64_t>((parts_.clock.monotonic() - began_) / (10 * kMillisecond));
}

Result<std::unique_ptr<Topic>> LiveHub::make(const TopicName& name) {
  std::uint64_t first = first_number();
  switch (name.kind) {
    case TopicName::Kind::kView: {
      ViewSpecPtr spec = parts_.views.find(name.view);
      if (spec == nullptr || spec->project != name.project) {
        return not_found("there is no view " + name.view + "; GET /v1/views lists them");
      }
      return std::unique_ptr<Topic>(std::make_unique<ViewTopic>(name, first, table_of(spec)));
    }
    case TopicName::Kind::kQuery: {
      auto submit = [this](std::function<void()> work) { return pool_->submit(work); };
      auto ask = [parts = &parts_](const std::string& project, const std::string& json) {
        return answer_of(*parts, project, json);
      };
      return std::unique_ptr<Topic>(std::make_unique<QueryTopic>(name, first, submit, ask));
    }
    case TopicName::Kind::kTail: {
      if (!parts_.tail) {
        return std::unique_ptr<Topic>(std::make_unique<AbsentTopic>(name, first));
      }
      MR_ASSIGN(std::size_t watch, parts_.views.tail().watch(name.project, name.where));
      return std::unique_ptr<Topic>(std::make_unique<TailTopic>(name, first, parts_.views.tail(), watch));
    }
    case TopicName::Kind::kHealth:
      break;
  }
  return std::unique_ptr<Topic>(std::make_unique<HealthTopic>(name, first, parts_.health));
}

Result<std::vector<http::ChannelPtr>> LiveHub::open(const std::vector<TopicName>& names) {
  std::vector<http::ChannelPtr> channels = open_already(names);
  if (!channels.empty()) {
    return channels;
  }
  std::lock_guard lock(mutex_);
  TimeNs now = parts_.clock.monotonic();
  for (const TopicName& name : names) {
    auto found = watched_.find(name.key());
    if (found == watched_.end()) {
      if (stopping_ || watched_.size() >= limits_.topics) {
        return full(fmt::format("{} topics are watched, no more are taken", watched_.size()));
      }
      MR_ASSIGN(std::unique_ptr<Topic> topic, make(name));
      found = watched_.emplace(name.key(), Watched{std::move(topic), now, now}).first;
      found->second.topic->tick(parts_.clock.wall());  // so that there is something to read at once
    }
    channels.push_back(found->second.topic->channel());
    std::lock_guard open_lock(open_mutex_);
    open_[name.key()] = channels.back();
  }
  woken_.notify_all();
  return channels;
}

Result<std::string> LiveHub::view_json(const ViewSpecPtr& spec, TimeNs from, TimeNs to) {
  std::lock_guard lock(mutex_);
  ViewTable& table = table_of(spec);
  table.refresh();
  JsonWriter json;
  json.begin_object().key("view").string(spec->name).key("state").string(view_state(table));
  json.key("seq").unsigned_integer(table.version()).key("as_of").integer(parts_.clock.wall() / kMillisecond);
  table.write(json, std::max(from, table.kept_from()), to, 0);
  json.key("kept_from");
  table.kept_from() == INT64_MIN ? json.null() : json.integer(table.kept_from() / kMillisecond);
  json.key("other").unsigned_integer(table.stats().other);
  return json.end_object().take();
}

Result<std::string> LiveHub::ask(const std::string& project, const std::string& json) {
  MR_ASSIGN(Answer answer, answer_of(parts_, project, json));
  return "{" + answer.head + "}";
}

void LiveHub::describe_view(JsonWriter& json, const ViewSpecPtr& spec) {
  std::lock_guard lock(mutex_);
  ViewTable& table = table_of(spec);
  table.refresh();
  const ViewTable::Stats& stats = table.stats();
  std::string_view declared = spec->json;
  JsonWriter more;
  more.begin_object().key("origin").string(origin_word(spec->origin)).key("state").string(view_state(table));
  more.key("keys").unsigned_integer(stats.rows).key("other").unsigned_integer(stats.other);
  more.key("outside").unsigned_integer(stats.outside).key("missing").unsigned_integer(stats.missing);
  more.key("kept_from");
  table.kept_from() == INT64_MIN ? more.null() : more.integer(table.kept_from() / kMillisecond);
  more.key("bytes").unsigned_integer(stats.bytes);
  more.key("trouble").string(parts_.trouble ? parts_.trouble(*spec) : std::string()).end_object();
  json.raw(std::string(declared.substr(0, declared.size() - 1)) + "," + more.text().substr(1));
}

}  // namespace millrace
