// millrace query: a metric query by flags or as JSON; a table, CSV or JSON out.

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cmd/answer_table.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "query/query_flags.h"

namespace millrace::cmd {
namespace {

struct QueryArguments {
  Connection connection;
  QueryFlags flags;
  std::string json;  // the whole query instead of flags; "-" reads it from standard input
  std::string format;
  bool show_query = false;
};

Result<std::string> query_of(const QueryArguments& options) {
  if (options.json == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  if (!options.json.empty()) {
    return options.json;
  }
  return query_json_from_flags(options.flags);
}

void note(const Json& answer) {
  const Json* cut = answer.find("cut");
  if (cut != nullptr && !cut->is_null()) {
    fmt::print(stderr, "note: {}\n",
               cut->text() == "limit" ? "there are more rows; --limit shows more of them"
                                      : "the answer is cut: it met the limit of " + cut->text());
  }
}

int run(const QueryArguments& options) {
  Result<std::string> query = query_of(options);
  if (!query.ok()) {
    return fail(query.error().message);
  }
  if (options.show_query) {
    fmt::print("{}\n", *query);
    return 0;
  }
  Result<Json> answer = ask(options.connection, "POST", "/v1/query", *query);
  if (!answer.ok()) {
    return fail(answer.error().message);
  }
  note(*answer);
  if (options.format == "json") {
    fmt::print("{}\n", JsonWriter().value(*answer).text());
  } else if (options.format == "csv") {
    fmt::print("{}", answer_csv(*answer));
  } else {
    fmt::print("{}", answer_table(*answer));
  }
  return 0;
}

}  // namespace

void add_query(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand("query", "Ask a metric query");
  auto options = std::make_shared<QueryArguments>();  // kept by the callback
  QueryFlags& flags = options->flags;
  options->connection.add_to(*command);
  CLI::Option* whole =
      command->add_option("json", options->json, "The query as JSON instead of flags; - reads it from standard input");
  const std::vector<CLI::Option*> others = command->get_options();  // all but the query's flags, which come now
  command
      ->add_option("--measure,-m", flags.measures,
                   "count, uniq(f), sum(f), mean(f), min(f), max(f), quantile(q, f); repeatable")
      ->allow_extra_args(false);
  command->add_option("--by", flags.by, "Break down by this field, e.g. event or properties.plan; up to three")
      ->allow_extra_args(false);
  command->add_option("--where,-w", flags.where, "Condition, e.g. 'properties.added >= 10'; all must hold")
      ->allow_extra_args(false);
  command->add_option("--range", flags.range, "7d, 24h, today, yesterday, this_month …, or FROM,TO");
  command->add_option("--from", flags.from, "Begin of the range, instead of --range");
  command->add_option("--to", flags.to, "End of the range (not in it)");
  command->add_option("--every", flags.every, "One row for each second, minute, hour, day, week, month");
  command->add_option("--time-zone", flags.time_zone, "IANA name, for dates and --every (UTC)");
  command->add_option("--order", flags.order, "Column to sort by; with a minus, the largest first: --order=-count")
      ->allow_extra_args(false);
  command->add_option("--limit", flags.limit, "Rows at most");
  command->add_option("--compare", flags.compare, "'previous': the same for the period before");
  command->add_option("--min-position", flags.min_position,
                      "Wait until the store has this position of an ingest answer");
  command->add_option("--max-time-ms", flags.max_time_ms, "Cut the query after so long");
  for (CLI::Option* flag : command->get_options()) {
    if (std::find(others.begin(), others.end(), flag) == others.end()) {
      whole->excludes(flag);
    }
  }
  command->add_option("--format,-f", options->format, "How to print the answer")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->default_val("table");
  command->add_flag("--show-query", options->show_query, "Print the query as JSON and ask nothing");
  command->footer(
      "Examples:\n"
      "  millrace query --measure count --every day --range 7d\n"
      "  millrace query -m count -m 'uniq(user_id)' --by properties.plan --where 'event = signup' --order=-count "
      "--limit 10 --range 7d\n"
      "  millrace query '{\"measures\":[\"quantile(0.95, properties.ms)\"],\"range\":\"today\"}' --format csv");
  command->callback([options, &outcome] { outcome.exit_code = run(*options); });
}

}  // namespace millrace::cmd
