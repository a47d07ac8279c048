#include "ingest/topic/topic_ingest.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "base/log.h"

namespace millrace {
namespace {

constexpr int kReadMs = 100;
constexpr TimeNs kSaveEvery = 1'000'000'000;
constexpr std::size_t kFailedRawBytesMax = 16 << 10;
constexpr std::uint64_t kFileBytesMax = 4 << 20;

std::string path_of(const TopicIngestOptions& options) { return options.folder + "/" + options.topic + ".offsets"; }
std::string first_line(const std::string& topic) { return fmt::format("millrace-source v=1 topic={}\n", topic); }

// A number and the character behind it, taken from the front of `text`.
template <typename Number>
bool take_number(std::string_view& text, char behind, Number& number) {
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop == text.data() + text.size() || *stop != behind) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  return true;
}

}  // namespace

TopicIngest::TopicIngest(const TopicIngestParts& parts, const TopicIngestOptions& options)
    : parts_(parts), options_(options), parser_(parts.stream.partitions(), options.limits) {}

Result<std::unique_ptr<TopicIngest>> TopicIngest::open(const TopicIngestParts& parts,
                                                       const TopicIngestOptions& options) {
  // Kafka's rule, and a file's name follows from it.
  bool good = std::all_of(options.topic.begin(), options.topic.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
  if (!good) {
    return invalid(fmt::format("source.kafka.topic \"{}\" is no name of a topic", options.topic));
  }
  std::unique_ptr<TopicIngest> made(new TopicIngest(parts, options));
  MR_TRY(parts.files.make_folders(options.folder));
  MR_TRY(made->load());
  return made;
}

Result<void> TopicIngest::load() {
  Result<std::string> text = read_file(parts_.files, path_of(options_), kFileBytesMax);
  if (!text.ok()) {
    return text.error().code == Code::kNotFound ? Result<void>() : Result<void>(text.error());
  }
  std::string_view rest = *text;
  std::string first = first_line(options_.topic);
  bool whole = rest.starts_with(first);
  rest.remove_prefix(whole ? first.size() : 0);
  while (whole && !rest.empty()) {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    whole = take_number(rest, ' ', partition) && take_number(rest, '\n', offset) && partition >= 0 && offset >= 0;
    partitions_[partition].next = offset;
  }
  if (!whole) {
    return corrupt(fmt::format(
        "{} is damaged; without it the topic is read from its begin, and what was read before is a repeat only as long "
        "as its id is known",
        path_of(options_)));
  }
  saved_ = *std::move(text);
  return {};
}

// ---- reading ----

void TopicIngest::start() {
  thread_ = std::make_unique<Thread>("topic-ingest", [this] { run(); });
}

void TopicIngest::run() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (quit_) {
        return;
      }
    }
    step();
  }
}

void TopicIngest::step() {
  bool begun = false;
  bool crowded = false;
  {
    std::unique_lock lock(mutex_);
    begun = begun_ && !trouble_;
    crowded = under_way_ >= options_.under_way_max;
    if (crowded) {
      changed_.wait_for(lock, std::chrono::milliseconds(kReadMs));
    }
  }
  if (!begun) {
    begin();
  } else if (!crowded) {
    Result<std::optional<SourceMessage>> message = parts_.source.next(kReadMs);
    if (!message.ok()) {
      trouble(message.error());
    } else if (*message) {
      take(**message);
    }
  }
  if (parts_.clock.monotonic() - saved_at_ >= kSaveEvery) {
    save();
  }
}

// Once nothing is under way. A stream that didn't take a message hasn't taken those behind it either, so order is kept.
void TopicIngest::begin() {
  TopicSource::Offsets from;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(kReadMs), [this] { return quit_ || under_way_ == 0; });
    if (quit_ || under_way_ > 0) {
      return;
    }
    for (auto& [partition, state] : partitions_) {
      state.under_way.clear();
      from[partition] = state.next;
    }
  }
  if (begun_) {
    pause(options_.pause_ms);
  }
  Result<void> begun = parts_.source.begin(from);
  if (!begun.ok()) {
    trouble(begun.error());
    return pause(options_.pause_ms);
  }
  std::lock_guard lock(mutex_);
  if (trouble_) {
    log_info("a source is read again", {{"topic", options_.topic}});
  }
  trouble_.reset();
  begun_ = true;
}

void TopicIngest::take(const SourceMessage& message) {
  std::int32_t partition = message.partition;
  std::int64_t offset = message.offset;
  {
    std::lock_guard lock(mutex_);
    Partition& state = partitions_[partition];
    if (offset < state.next) {
      return;
    }
    state.under_way.push_back({offset, false});
    ++under_way_;
  }
  auto request = std::make_unique<IngestRequest>([this, partition, offset](std::unique_ptr<IngestRequest> done) {
    told(partition, offset, *done, done->error());
  });
  request->project = options_.project;
  request->unpacked.assign(message.value);
  request->unpacked.append(http::kBodyPaddingBytes, '\0');
  std::string id = fmt::format("kafka/{}/{}/{}", options_.topic, partition, offset);
  ParseContext context;
  context.project = request->project;
  context.idempotency_key = id;
  context.received = parts_.clock.wall();
  std::string_view body = std::string_view(request->unpacked).substr(0, message.value.size());
  Result<void> parsed = parser_.parse(body, context, request->batch);
  if (!parsed.ok() || request->batch.accepted == 0) {
    std::optional<Error> why;
    if (!parsed.ok()) {
      why = invalid(parsed.error().message);
    }
    return told(partition, offset, *request, why);
  }
  IngestRequest::append(std::move(request), parts_.stream, context.received, [](IngestRequest&) {});
}

// ---- what came of it ----

void TopicIngest::told(std::int32_t partition, std::int64_t offset, IngestRequest& request,
                       const std::optional<Error>& error) {
  std::string_view body(request.unpacked.data(), request.unpacked.size() - http::kBodyPaddingBytes);
  bool through = !error || error->code == Code::kInvalid;
  if (error && through) {
    keep_failed(partition, offset, error->message, body);
  } else if (!error) {
    for (std::size_t i = 0; i < request.batch.rejected.size(); ++i) {
      keep_failed(partition, offset, request.batch.reason(i), request.batch.rejected[i].raw);
    }
    parts_.metrics.add(Metric::kIngestAcceptedEvents, request.batch.accepted);
  } else {
    trouble(*error);
  }
  std::lock_guard lock(mutex_);
  Partition& state = partitions_[partition];
  for (Message& message : state.under_way) {
    message.done = message.done || (through && message.offset == offset);
  }
  while (!state.under_way.empty() && state.under_way.front().done) {
    state.next = state.under_way.front().offset + 1;
    state.under_way.pop_front();
    parts_.metrics.add(Metric::kSourceMessages);
  }
  --under_way_;
  changed_.notify_all();
}

void TopicIngest::keep_failed(std::int32_t partition, std::int64_t offset, std::string_view reason,
                              std::string_view raw) {
  parts_.metrics.add(Metric::kIngestRejectedEvents);
  FailedEvent event;
  event.at = parts_.clock.wall();
  event.project = options_.project;
  event.stage = "ingest";
  event.reason = fmt::format("{} (topic {}, partition {}, offset {})", reason, options_.topic, partition, offset);
  event.raw = raw.substr(0, kFailedRawBytesMax);
  event.truncated = raw.size() > kFailedRawBytesMax;
  parts_.failed.add(event);
}

void TopicIngest::trouble(const Error& why) {
  std::lock_guard lock(mutex_);
  if (!trouble_ || trouble_->message != why.message) {
    log_warning("a source can't be read at the moment", {{"topic", options_.topic}, {"reason", why.message}});
  }
  trouble_ = why;
}

void TopicIngest::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return quit_; });
}

// ---- how far it is ----

void TopicIngest::save() {
  saved_at_ = parts_.clock.monotonic();
  TopicSource::Offsets ends = begun_ ? parts_.source.ends() : TopicSource::Offsets();
  std::string text = first_line(options_.topic);
  std::int64_t behind = 0;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [partition, state] : partitions_) {
      text += fmt::format("{} {}\n", partition, state.next);
      auto end = ends.find(partition);
      behind += end == ends.end() ? 0 : std::max<std::int64_t>(0, end->second - state.next);
    }
  }
  parts_.metrics.set(Metric::kSourceBehind, behind);
  if (text == saved_) {
    return;
  }
  Result<void> saved = parts_.failed.sync();  // they count as read
  if (saved.ok()) {
    saved = replace_file(parts_.files, path_of(options_), text);
  }
  if (!saved.ok()) {
    log_warning("how far a source was read could not be saved", {{"reason", saved.error().message}});
    return;
  }
  saved_ = std::move(text);
}

void TopicIngest::quit() {
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
    changed_.notify_all();
  }
  thread_.reset();
}

void TopicIngest::stop() {
  quit();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return under_way_ == 0; });
  }
  save();
}

}  // namespace millrace
