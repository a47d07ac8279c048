#pragma once
// The tables, and how they come to be: numbered steps forward, each recorded in `schema_version` when it is done. A
// step may be run again after a crash in its midst. docs/formats/clickhouse-schema.md describes the result.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/clickhouse/kept_property.h"
#include "store/clickhouse/layout.h"
#include "store/store.h"

namespace millrace::clickhouse {

struct Migration {
  int version;
  std::string name;
  std::vector<std::string> statements;
};

// All steps, oldest first.
std::vector<Migration> migrations(const Layout& layout);

// Runs a statement, gives the answer's body (TabSeparated).
using RunStatement = std::function<Result<std::string>(const std::string& sql)>;

// Brings the database to the newest version. kInvalid when it is newer than this program. In a cluster nothing is
// changed, and no server need be there but the one that is asked, when the version is right already.
Result<void> migrate(const RunStatement& run, const Layout& layout, const std::vector<Migration>& steps);
// A partition's rows stay in one shard, so the number of shards is the one with which the tables were made: kInvalid
// for another. Writes it down at the first time.
Result<void> check_shards(const RunStatement& run, const Layout& layout, unsigned shards);
// Adds the columns of declared properties that are not there. kInvalid when one has another type.
Result<void> declare(const RunStatement& run, const Layout& layout, const std::vector<DeclaredProperty>& declared);

// Adds the column of a property that is asked about. Rows that are there compute it; fill_kept() has it written for
// them.
Result<void> keep(const RunStatement& run, const Layout& layout, const KeptProperty& property);
// The columns of properties that are asked about, in the order of the table.
Result<std::vector<KeptProperty>> kept_properties(const RunStatement& run, const std::string& database);
// Whether a text has few different values, judged by every 64th granule.
Result<bool> has_few_values(const RunStatement& run, const Layout& layout, const KeptProperty& property);
// Has the engine write the column for the parts that lack it, in the background, unless it does already.
Result<void> fill_kept(const RunStatement& run, const Layout& layout, const KeptProperty& property);
// Gives up what fill_kept() began: mutations are done in order, and others must not wait for it.
std::string stop_filling(const Layout& layout);

// The minute an event lies in, as nanoseconds: the expression that the projection `by_minute` is grouped by, and that
// queries must use to be served by it. It depends on no setting of a session, as the type of toStartOfMinute does.
inline constexpr const char* kMinute =
    "(toUnixTimestamp64Nano(time) - positiveModulo(toUnixTimestamp64Nano(time), toInt64(60000000000)))";

}  // namespace millrace::clickhouse
