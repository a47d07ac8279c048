#pragma once
// API keys. A key is "mr_" and the base62 of 256 random bits; shown once, kept as its SHA-256. Control state is a small
// stream of its own: a log of changes in <data>/control, folded at start.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "io/clock.h"
#include "io/file.h"

namespace millrace {

enum Scope : std::uint8_t {
  kScopeWrite = 1,
  kScopeRead = 2,
  kScopeSql = 4,
  kScopeAdmin = 8,
  kScopeFeed = 16,  // the views of all projects, for servers that merge them
  kScopeAll = 31
};

Result<std::uint8_t> parse_scopes(std::string_view text);  // "write,read"; the least of them first
std::string format_scopes(std::uint8_t scopes);

struct KeyInfo {
  std::string id;    // 8 characters; names the key in lists and for revoking; no secret
  std::string name;  // what its owner calls it
  std::string project;
  std::uint8_t scopes = 0;
  TimeNs created = 0;
  TimeNs expires = kNoTime;
  bool revoked = false;
};

// Who asks: what a good key says.
struct Principal {
  std::string project;
  std::uint8_t scopes = 0;
  std::string key_id;
};

// Safe from any thread; check() takes no lock that a writer holds while it syncs.
class KeyStore {
 public:
  static Result<std::unique_ptr<KeyStore>> open(FileSystem& files, Clock& clock, const std::string& folder);
  virtual ~KeyStore() = default;

  // Whom the secret belongs to; nothing when unknown, expired or revoked. Looks up by SHA-256, compares in constant
  // time.
  virtual std::optional<Principal> check(std::string_view secret) = 0;
  // The same for the key with this id: for those who showed its secret before.
  virtual std::optional<Principal> find(const std::string& id) = 0;
  // Makes a key, durable when it returns; the secret is given here and never again.
  struct Created {
    KeyInfo info;
    std::string secret;
  };
  virtual Result<Created> create(const std::string& name, const std::string& project, std::uint8_t scopes,
                                 TimeNs expires) = 0;
  // A key whose secret somebody chose (MILLRACE_BOOTSTRAP_KEY, MILLRACE_FEED_KEY): at least 16 characters. No change
  // when it is there already. kNotFound: it was revoked.
  virtual Result<KeyInfo> ensure(const std::string& name, const std::string& project, std::uint8_t scopes,
                                 const std::string& secret) = 0;
  virtual Result<void> revoke(const std::string& id) = 0;
  virtual std::vector<KeyInfo> list() = 0;
};

}  // namespace millrace
