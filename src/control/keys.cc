#include "control/keys.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "base/bytes.h"
#include "base/log.h"
#include "control/frames.h"
#include "control/key_log.h"
#include "control/secret.h"

namespace millrace {

namespace {

constexpr std::size_t kKeyLogBytesMax = 256 << 20;
constexpr std::size_t kKeyNameBytesMax = 200;
constexpr std::size_t kProjectBytesMax = 64;
constexpr std::size_t kKeyLogCompactBytesMin = 256 << 10;
// How long a revoked or expired key still shows in lists, at least.
constexpr TimeNs kForgetAfter = 30LL * 24 * 3600 * 1'000'000'000;

Result<void> check_request(const std::string& name, const std::string& project, std::uint8_t scopes) {
  if (name.empty() || name.size() > kKeyNameBytesMax) {
    return invalid("a key's name has 1 to 200 bytes");
  }
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  if (project.empty() || project.size() > kProjectBytesMax || !std::all_of(project.begin(), project.end(), plain)) {
    return invalid("a project's name has 1 to 64 characters out of a-z 0-9 _ -");
  }
  if (scopes == 0 || (scopes & ~kScopeAll) != 0) {
    return invalid("a key needs at least one scope out of write, read, sql, feed, admin");
  }
  return {};
}

Result<void> check_chosen_secret(const std::string& secret) {
  auto sendable = [](char c) { return c > ' ' && c < 0x7f; };
  if (secret.size() < kSecretBytesMin || secret.size() > kSecretBytesMax ||
      !std::all_of(secret.begin(), secret.end(), sendable)) {
    return invalid("a chosen key has 16 to 256 printable ASCII characters without blanks");
  }
  return {};
}

// Keys by the first 8 bytes of their digest: chance alone makes two share them, and then both are looked at.
std::uint64_t short_digest(const Digest& digest) { return load_le<std::uint64_t>(digest.data()); }

// Nothing once the key is revoked or has expired.
std::optional<Principal> principal_of(const KeyInfo& key, TimeNs now) {
  bool good = !key.revoked && (key.expires == kNoTime || now < key.expires);
  return good ? std::optional(Principal{key.project, key.scopes, key.id}) : std::nullopt;
}

class LogKeyStore final : public KeyStore {
 public:
  LogKeyStore(FileSystem& files, Clock& clock, std::string path)
      : files_(files), clock_(clock), path_(std::move(path)) {}

  Result<void> load() {
    Result<std::string> bytes = read_file(files_, path_, kKeyLogBytesMax);
    if (!bytes.ok() && bytes.error().code == Code::kNotFound) {
      MR_TRY(rewrite());
      return {};
    }
    if (!bytes.ok()) {
      return bytes.error();
    }
    Result<KeyLog> log = parse_key_log(*bytes);
    if (!log.ok()) {
      return Error{log.error().code, path_ + ": " + log.error().message};
    }
    for (StoredKey& key : log->changes) {
      keep(std::move(key));
    }
    MR_ASSIGN(file_, files_.open(path_, OpenMode::kReadWrite));
    bytes_ = log->good_bytes;
    return settle_frames(files_, path_, *file_, *bytes, log->last, log->good_bytes);
  }

  std::optional<Principal> check(std::string_view secret) override {
    if (secret.empty() || secret.size() > kSecretBytesMax) {
      return std::nullopt;
    }
    Digest digest = sha256(secret);
    TimeNs now = clock_.wall();
    std::shared_lock lock(memory_);
    auto [at, end] = by_digest_.equal_range(short_digest(digest));
    for (; at != end; ++at) {
      const StoredKey& key = *at->second;
      if (same_digest(key.digest, digest)) {
        return principal_of(key.info, now);
      }
    }
    return std::nullopt;
  }

  std::optional<Principal> find(const std::string& id) override {
    TimeNs now = clock_.wall();
    std::shared_lock lock(memory_);
    auto at = by_id_.find(id);
    return at == by_id_.end() ? std::nullopt : principal_of(at->second.info, now);
  }

  Result<Created> create(const std::string& name, const std::string& project, std::uint8_t scopes,
                         TimeNs expires) override {
    MR_TRY(check_request(name, project, scopes));
    std::string secret = make_secret();
    std::lock_guard lock(changes_);
    MR_ASSIGN(KeyInfo info, add(name, project, scopes, expires, sha256(secret)));
    return Created{std::move(info), std::move(secret)};
  }

  Result<KeyInfo> ensure(const std::string& name, const std::string& project, std::uint8_t scopes,
                         const std::string& secret) override {
    MR_TRY(check_request(name, project, scopes));
    MR_TRY(check_chosen_secret(secret));
    Digest digest = sha256(secret);
    std::lock_guard lock(changes_);
    for (const auto& [id, key] : by_id_) {
      if (same_digest(key.digest, digest)) {
        if (key.info.revoked) {
          return not_found("this key was revoked (" + id + "); choose another one");
        }
        return key.info;
      }
    }
    return add(name, project, scopes, kNoTime, digest);
  }

  Result<void> revoke(const std::string& id) override {
    std::lock_guard lock(changes_);
    auto at = by_id_.find(id);
    if (at == by_id_.end()) {
      return not_found("there is no key " + id);
    }
    if (at->second.info.revoked) {
      return {};
    }
    StoredKey key = at->second;
    key.info.revoked = true;
    key.revoked_at = clock_.wall();
    return apply(std::move(key));
  }

  std::vector<KeyInfo> list() override {
    std::vector<KeyInfo> all;
    {
      std::shared_lock lock(memory_);
      for (const auto& [id, key] : by_id_) {
        all.push_back(key.info);
      }
    }
    std::sort(all.begin(), all.end(),
              [](const KeyInfo& a, const KeyInfo& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
    return all;
  }

 private:
  // The private functions are called with changes_ held (load() is alone by nature).
  Result<KeyInfo> add(const std::string& name, const std::string& project, std::uint8_t scopes, TimeNs expires,
                      const Digest& digest) {
    StoredKey key;
    do {
      key.info.id = make_key_id();
    } while (by_id_.contains(key.info.id));
    key.info.name = name;
    key.info.project = project;
    key.info.scopes = scopes;
    key.info.created = clock_.wall();
    key.info.expires = expires;
    key.digest = digest;
    KeyInfo info = key.info;
    MR_TRY(apply(std::move(key)));
    return info;
  }

  // Durable first, then in force.
  Result<void> apply(StoredKey key) {
    if (failed_) {
      return unavailable("a change of the keys could not be written; no other is taken until a restart");
    }
    std::string frame;
    append_key_change(frame, key);
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
    keep(std::move(key));
    compact_if_worth_it();
    return {};
  }

  void keep(StoredKey key) {
    std::unique_lock lock(memory_);
    std::string id = key.info.id;
    auto [at, fresh] = by_id_.insert_or_assign(std::move(id), std::move(key));
    if (fresh) {
      by_digest_.emplace(short_digest(at->second.digest), &at->second);
    }
    changes_kept_ += 1;
  }

  void compact_if_worth_it() {
    if (bytes_ < kKeyLogCompactBytesMin || changes_kept_ < next_compaction_) {
      return;
    }
    forget_old();
    // After an error it is unclear which of the two files has the name, so that nothing more may be added to either.
    if (Result<void> rewritten = rewrite(); !rewritten.ok()) {
      failed_ = true;
      log_error("the file of keys could not be rewritten", {{"error", rewritten.error().message}});
    }
  }

  void forget_old() {
    TimeNs before = clock_.wall() - kForgetAfter;
    auto is_old = [before](const StoredKey& key) {
      return (key.info.revoked && key.revoked_at < before) ||
             (key.info.expires != kNoTime && key.info.expires < before);
    };
    std::unique_lock lock(memory_);
    std::erase_if(by_digest_, [&](const auto& entry) { return is_old(*entry.second); });
    std::erase_if(by_id_, [&](const auto& entry) { return is_old(entry.second); });
  }

  // Writes the present keys into a new file in the place of the old one.
  Result<void> rewrite() {
    std::string content;
    append_key_log_header(content);
    for (const auto& [id, key] : by_id_) {
      append_key_change(content, key);
    }
    MR_TRY(replace_file(files_, path_, content));
    MR_ASSIGN(file_, files_.open(path_, OpenMode::kReadWrite));
    bytes_ = content.size();
    changes_kept_ = by_id_.size();
    next_compaction_ = 2 * changes_kept_;
    return {};
  }

  FileSystem& files_;
  Clock& clock_;
  const std::string path_;

  std::mutex changes_;  // held while a change is written and synced
  std::unique_ptr<File> file_;
  std::size_t bytes_ = 0;
  std::size_t changes_kept_ = 0;  // in the file
  std::size_t next_compaction_ = 0;
  bool failed_ = false;

  std::shared_mutex memory_;  // held for moments only; written with changes_ held as well
  std::map<std::string, StoredKey> by_id_;
  std::unordered_multimap<std::uint64_t, const StoredKey*> by_digest_;
};

}  // namespace

Result<std::unique_ptr<KeyStore>> KeyStore::open(FileSystem& files, Clock& clock, const std::string& folder) {
  MR_TRY(files.make_folders(folder));
  auto store = std::make_unique<LogKeyStore>(files, clock, folder + "/keys.log");
  MR_TRY(store->load());
  return std::unique_ptr<KeyStore>(std::move(store));
}

}  // namespace millrace
