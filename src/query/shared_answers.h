#pragma once
// Equal questions are asked of the store once: those that come while one runs get its answer too, and for a second the
// answer is kept, unless the stored position has moved since. An answer always says what it is a picture of.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/server.h"
#include "query/as_of.h"

namespace millrace {

// The JSON of an answer around its `as_of`, which is put in when it is sent.
struct Answer {
  std::string head;   // `"columns":…,"rows":…`
  std::string tail;   // `"elapsed_ms":…`
  bool whole = true;  // false: cut by a limit; such answers are not kept
};

// Safe from any thread.
class SharedAnswers {
 public:
  SharedAnswers(std::size_t joined_max, std::size_t bytes_max) : joined_max_(joined_max), bytes_max_(bytes_max) {}

  enum class Claim {
    kRun,     // nobody runs it: the caller does, and then calls finish()
    kAlone,   // one runs, but it began too early for this caller, who runs it without finish()
    kJoined,  // one runs: the exchange was taken and comes back from finish()
    kKept,    // `kept` is the answer, and `as_of`, which was just taken, is true for it
    kFull,    // too many wait for answers of others
  };
  // `as_of` was taken before; `needed` must be covered by the answer's.
  Claim claim(const std::string& key, const AsOf& as_of, const std::optional<Position>& needed, TimeNs now,
              std::unique_ptr<http::Exchange>& exchange, Answer& kept);
  // Gives the exchanges that joined. `answer` is null when there was none.
  std::vector<std::unique_ptr<http::Exchange>> finish(const std::string& key, const Answer* answer, TimeNs now);

 private:
  static constexpr TimeNs kKeptFor = 1'000'000'000;

  struct Flight {
    AsOf as_of;
    bool running = true;
    std::vector<std::unique_ptr<http::Exchange>> joined;
    Answer answer;
    TimeNs finished = 0;
  };
  void forget_old(TimeNs now);

  const std::size_t joined_max_;
  const std::size_t bytes_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, Flight> flights_;
  std::deque<std::pair<TimeNs, std::string>>
      finished_;  // keys of kept answers, the oldest first; some are gone already
  std::size_t joined_ = 0;
  std::size_t bytes_ = 0;  // of kept answers and their keys
};

}  // namespace millrace
