#pragma once
// What people can watch, and the text by which they name it:
//
//   view:NAME  view:NAME;window=15m  query:{…};refresh=5s  tail  tail:{…}  health
//
// A topic makes the frames of one channel, which everybody who watches it reads.

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/fan_out.h"
#include "io/clock.h"
#include "model/query.h"
#include "query/shared_answers.h"
#include "views/table.h"

namespace millrace {

struct TopicName {
  enum class Kind { kView, kQuery, kTail, kHealth };
  Kind kind = Kind::kView;
  std::string text;  // as it was asked: frames carry it
  std::string project;
  std::string view;
  TimeNs window = 0;            // of a view; 0: all of it
  std::string query;            // JSON
  TimeNs refresh = 0;           // of a query
  std::optional<Filter> where;  // of a tail
  TimeNs tick = 0;

  // Equal for topics with equal frames.
  std::string key() const;
};

// kInvalid says what is wrong with it.
Result<TopicName> parse_topic(const std::string& text, const std::string& project, TimeNs tick);

// Called by the hub's thread alone.
class Topic {
 public:
  Topic(TopicName name, std::uint64_t first_number);
  virtual ~Topic() = default;

  const http::ChannelPtr& channel() const { return channel_; }
  const TopicName& name() const { return name_; }
  // Makes what there is to say at `now` (wall clock); when it is called again is up to period(). True when it
  // published.
  virtual bool tick(TimeNs now) = 0;
  virtual TimeNs period() const { return name_.tick; }

 protected:
  // `members` are what the frame's object has behind topic, seq and as_of: `"rows":1,…`.
  void publish(std::string_view event, TimeNs now, std::string_view members);
  void publish_base(std::string_view event, TimeNs now, std::string_view members, bool next_number);

  const TopicName name_;
  const http::ChannelPtr channel_;
  std::uint64_t number_;  // of the newest frame

 private:
  http::FramePtr frame(std::string_view event, TimeNs now, std::string_view members) const;
};

class ViewTopic final : public Topic {
 public:
  ViewTopic(TopicName name, std::uint64_t first_number, ViewTable& table)
      : Topic(std::move(name), first_number), table_(table) {}
  bool tick(TimeNs now) override;

 private:
  TimeNs from(TimeNs now) const;
  void base(TimeNs now, TimeNs from, bool next_number);

  ViewTable& table_;  // refreshed by the hub
  std::uint64_t version_ = 0;
  TimeNs told_from_ = INT64_MIN;
  bool told_ = false;
};

// Runs its question on another thread; at most one at a time.
class QueryTopic final : public Topic {
 public:
  // Runs `work` on another thread, or says that there is no room.
  using Submit = std::function<bool(std::function<void()> work)>;
  // Asks the question.
  using Ask = std::function<Result<Answer>(const std::string& project, const std::string& json)>;
  QueryTopic(TopicName name, std::uint64_t first_number, Submit submit, Ask ask);
  bool tick(TimeNs now) override;
  // While a question runs, it is looked at whether it has ended.
  TimeNs period() const override;

 private:
  // shared_ptr: the thread that runs the question may outlive the topic.
  struct Flight {
    std::mutex mutex;
    bool done = false;
    std::optional<Result<Answer>> answer;
  };
  const Submit submit_;
  const Ask ask_;
  std::shared_ptr<Flight> flight_;
  TimeNs began_ = INT64_MIN;
  std::string last_;
};

class TailTopic final : public Topic {
 public:
  TailTopic(TopicName name, std::uint64_t first_number, Tail& tail, std::size_t watch)
      : Topic(std::move(name), first_number), tail_(tail), watch_(watch) {}
  ~TailTopic() override { tail_.unwatch(watch_); }
  bool tick(TimeNs now) override;

 private:
  Tail& tail_;
  const std::size_t watch_;
};

// Says once that it isn't here.
class AbsentTopic final : public Topic {
 public:
  using Topic::Topic;
  bool tick(TimeNs now) override;
  TimeNs period() const override { return 1'000'000'000; }
};

class HealthTopic final : public Topic {
 public:
  HealthTopic(TopicName name, std::uint64_t first_number, const std::function<std::string()>& health)
      : Topic(std::move(name), first_number), health_(health) {}
  bool tick(TimeNs now) override;
  TimeNs period() const override { return 1'000'000'000; }

 private:
  const std::function<std::string()>& health_;
};

}  // namespace millrace
