#include "control/control_log.h"

#include <map>
#include <mutex>
#include <shared_mutex>

#include <fmt/format.h>

#include "base/json.h"
#include "base/log.h"
#include "control/frames.h"

namespace millrace {

namespace {

constexpr std::size_t kLogBytesMax = 1 << 30;
constexpr std::size_t kCompactBytesMin = 1 << 20;

std::optional<ControlChange> parse_change(std::string_view text) {
  Result<Json> json = Json::parse(text);
  if (!json.ok()) {
    return std::nullopt;
  }
  const Json* kind = json->find("kind");
  const Json* id = json->find("id");
  const Json* value = json->find("value");
  if (kind == nullptr || id == nullptr || value == nullptr || kind->text().empty() || id->text().empty()) {
    return std::nullopt;
  }
  ControlChange change{kind->text(), id->text(), {}};
  if (!value->is_null()) {
    JsonWriter writer;
    writer.value(*value);
    change.value = writer.take();
  }
  return change;
}

class FileControlLog final : public ControlLog {
 public:
  FileControlLog(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  Result<void> load() {
    Result<std::string> bytes = read_file(files_, path_, kLogBytesMax);
    if (!bytes.ok() && bytes.error().code == Code::kNotFound) {
      return rewrite();
    }
    if (!bytes.ok()) {
      return bytes.error();
    }
    Result<ControlChanges> log = parse_control_log(*bytes);
    if (!log.ok()) {
      return Error{log.error().code, path_ + ": " + log.error().message};
    }
    bytes_ = kControlLogHeaderBytes;
    for (ControlChange& change : log->changes) {
      keep(std::move(change));
    }
    MR_ASSIGN(file_, files_.open(path_, OpenMode::kReadWrite));
    bytes_ = log->good_bytes;
    return settle_frames(files_, path_, *file_, *bytes, log->last, log->good_bytes);
  }

  std::vector<std::pair<std::string, std::string>> all(const std::string& kind) override {
    std::vector<std::pair<std::string, std::string>> found;
    std::shared_lock lock(memory_);
    for (auto at = things_.lower_bound({kind, ""}); at != things_.end() && at->first.first == kind; ++at) {
      found.emplace_back(at->first.second, at->second);
    }
    return found;
  }

  std::optional<std::string> find(const std::string& kind, const std::string& id) override {
    std::shared_lock lock(memory_);
    auto at = things_.find({kind, id});
    return at == things_.end() ? std::nullopt : std::optional(at->second);
  }

  Result<void> put(const std::string& kind, const std::string& id, const std::string& value) override {
    std::lock_guard lock(changes_);
    return apply({kind, id, value});
  }

  Result<void> remove(const std::string& kind, const std::string& id) override {
    std::lock_guard lock(changes_);
    // After a failed change nobody knows what a start will find, so that "it isn't there" can't be said either.
    return failed_ || things_.contains({kind, id}) ? apply({kind, id, {}}) : Result<void>();
  }

 private:
  // The private functions are called with changes_ held (load() is alone by nature). Durable first, then in force.
  Result<void> apply(ControlChange change) {
    if (failed_) {
      return unavailable("a change of the control log could not be written; no other is taken until a restart");
    }
    std::string frame;
    append_control_change(frame, change);
    if (frame.size() > kControlFrameHeaderBytes + kControlChangeBytesMax) {
      return invalid(fmt::format("it has {} bytes, {} is the most", frame.size(), kControlChangeBytesMax));
    }
    std::string_view pieces[] = {frame};
    Result<void> written = file_->write_at(bytes_, pieces);
    if (written.ok()) {
      written = file_->sync();
    }
    if (!written.ok()) {
      failed_ = true;  // nobody knows what is on the disk now
      return written;
    }
    bytes_ += frame.size();
    keep(std::move(change));
    compact_if_worth_it();
    return {};
  }

  void keep(ControlChange change) {
    std::unique_lock lock(memory_);
    std::pair key(std::move(change.kind), std::move(change.id));
    if (change.value.empty()) {
      things_.erase(key);
    } else {
      things_.insert_or_assign(std::move(key), std::move(change.value));
    }
  }

  void compact_if_worth_it() {
    if (bytes_ < std::max(kCompactBytesMin, 2 * bytes_after_rewrite_)) {
      return;
    }
    // After an error it is unclear which of the two files has the name, so that nothing more may be added to either.
    if (Result<void> rewritten = rewrite(); !rewritten.ok()) {
      failed_ = true;
      log_error("the control log could not be rewritten", {{"error", rewritten.error().message}});
    }
  }

  // Writes what there is into a new file in the place of the old one.
  Result<void> rewrite() {
    std::string content;
    append_control_log_header(content);
    for (const auto& [key, value] : things_) {
      append_control_change(content, {key.first, key.second, value});
    }
    MR_TRY(replace_file(files_, path_, content));
    MR_ASSIGN(file_, files_.open(path_, OpenMode::kReadWrite));
    bytes_ = bytes_after_rewrite_ = content.size();
    return {};
  }

  FileSystem& files_;
  const std::string path_;

  std::mutex changes_;  // held while a change is written and synced
  std::unique_ptr<File> file_;
  std::size_t bytes_ = 0;
  std::size_t bytes_after_rewrite_ = 0;
  bool failed_ = false;

  std::shared_mutex memory_;  // held for moments only; written with changes_ held as well
  std::map<std::pair<std::string, std::string>, std::string> things_;
};

}  // namespace

void append_control_log_header(std::string& to) {
  to.append(kControlLogMagic);
  to.push_back(static_cast<char>(kControlLogVersion));
}

void append_control_change(std::string& to, const ControlChange& change) {
  JsonWriter json;
  json.begin_object().key("kind").string(change.kind).key("id").string(change.id).key("value");
  change.value.empty() ? json.null() : json.raw(change.value);
  json.end_object();
  append_frame(to, json.text());
}

Result<ControlChanges> parse_control_log(std::string_view bytes) {
  if (bytes.size() < kControlLogHeaderBytes || !bytes.starts_with(kControlLogMagic)) {
    return corrupt("it does not begin like a control log");
  }
  auto version = static_cast<std::uint8_t>(bytes[kControlLogMagic.size()]);
  if (version > kControlLogVersion) {
    return invalid(fmt::format("it has format version {}, written by a newer millrace; this one reads version {}",
                               version, kControlLogVersion));
  }
  MR_ASSIGN(Frames frames, parse_frames(bytes, kControlLogHeaderBytes, kControlChangeBytesMax));
  ControlChanges log;
  log.last = frames.last;
  log.good_bytes = frames.good_bytes;
  for (const Frames::Frame& frame : frames.all) {
    std::optional<ControlChange> change = parse_change(frame.change);
    if (!change) {
      return corrupt(fmt::format("the change at byte {} can't be understood", frame.at));
    }
    log.changes.push_back(*std::move(change));
  }
  return log;
}

Result<std::unique_ptr<ControlLog>> ControlLog::open(FileSystem& files, const std::string& folder) {
  MR_TRY(files.make_folders(folder));
  auto log = std::make_unique<FileControlLog>(files, folder + "/control.log");
  MR_TRY(log->load());
  return std::unique_ptr<ControlLog>(std::move(log));
}

}  // namespace millrace
