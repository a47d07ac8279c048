#pragma once
// Sessions of people who look at the page: a token that stands for a key for some time. The token is random and kept as
// its SHA-256 in the control log, so that sessions outlive a restart; they end with their key.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/control_log.h"
#include "control/keys.h"
#include "io/clock.h"

namespace millrace {

inline constexpr std::size_t kSessionsPerKeyMax = 100;

// Safe from any thread.
class Sessions {
 public:
  // The log and the keys must outlive this object.
  Sessions(ControlLog& log, KeyStore& keys, Clock& clock, std::int64_t age_s);

  // A token for the key with this id. The oldest session of a key goes when it has kSessionsPerKeyMax.
  Result<std::string> open(const std::string& key_id);
  // Whom the token belongs to, with the scopes of its key; nothing when it is unknown or expired, or its key is no
  // longer good.
  std::optional<Principal> check(std::string_view token);
  Result<void> close(std::string_view token);
  std::int64_t age_s() const { return age_s_; }

 private:
  struct Session {
    std::string key_id;
    TimeNs created = 0;
    TimeNs expires = 0;
  };
  Result<void> make_room(const std::string& key_id);

  ControlLog& log_;
  KeyStore& keys_;
  Clock& clock_;
  const std::int64_t age_s_;
  std::mutex mutex_;                         // never held while the log is written
  std::map<std::string, Session> sessions_;  // by the token's SHA-256 in hexadecimal digits
};

}  // namespace millrace
