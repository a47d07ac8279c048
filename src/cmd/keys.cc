// millrace keys create|list|revoke: asks the running server.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json.h"
#include "base/time_format.h"
#include "cmd/command.h"
#include "cmd/connection.h"
#include "io/clock.h"

namespace millrace::cmd {
namespace {

struct KeysArguments {
  Connection connection;
  std::string name;
  std::vector<std::string> scopes = {"write", "read"};
  std::string expires;
  std::string id;
  bool json = false;
};

int create(const KeysArguments& options) {
  JsonWriter body;
  body.begin_object().key("name").string(options.name).key("scopes").begin_array();
  for (const std::string& scope : options.scopes) {
    body.string(scope);
  }
  body.end_array();
  if (!options.expires.empty()) {
    body.key("expires").string(options.expires);
  }
  body.end_object();
  Result<Json> answer = ask(options.connection, "POST", "/v1/keys", body.text());
  if (!answer.ok()) {
    return fail(answer.error().message);
  }
  const Json* secret = answer->find("secret");
  if (options.json) {
    fmt::print("{}\n", JsonWriter().value(*answer).text());
  } else {
    fmt::print(stderr, "This is shown once; keep it where secrets are kept.\n");
    fmt::print("{}\n", secret != nullptr ? secret->text() : "");
  }
  return 0;
}

std::string joined(const Json* scopes) {
  std::string text;
  for (const Json& scope : scopes != nullptr ? scopes->items() : std::vector<Json>()) {
    text += (text.empty() ? "" : ",") + scope.text();
  }
  return text;
}

int list(const KeysArguments& options) {
  Result<Json> answer = ask(options.connection, "GET", "/v1/keys");
  if (!answer.ok()) {
    return fail(answer.error().message);
  }
  if (options.json) {
    fmt::print("{}\n", JsonWriter().value(*answer).text());
    return 0;
  }
  auto text = [](const Json& key, const char* member) {
    const Json* value = key.find(member);
    return value == nullptr || value->is_null() ? std::string("-") : value->text();
  };
  fmt::print("{:<10} {:<20} {:<12} {:<22} {:<24} {:<24} {}\n", "id", "name", "project", "scopes", "created", "expires",
             "state");
  const Json* keys = answer->find("keys");
  for (const Json& key : keys != nullptr ? keys->items() : std::vector<Json>()) {
    const Json* revoked = key.find("revoked");
    std::optional<TimeNs> expires = parse_rfc3339(text(key, "expires"));
    const char* good = expires && *expires <= system_clock().wall() ? "expired" : "good";
    fmt::print("{:<10} {:<20} {:<12} {:<22} {:<24} {:<24} {}\n", text(key, "id"), text(key, "name"),
               text(key, "project"), joined(key.find("scopes")), text(key, "created"), text(key, "expires"),
               revoked != nullptr && revoked->boolean() ? "revoked" : good);
  }
  return 0;
}

int revoke(const KeysArguments& options) {
  Result<Json> answer = ask(options.connection, "DELETE", "/v1/keys/" + http::percent_encode(options.id));
  if (!answer.ok()) {
    return fail(answer.error().message);
  }
  fmt::print("revoked {}\n", options.id);
  return 0;
}

}  // namespace

void add_keys(CLI::App& program, Outcome& outcome) {
  CLI::App* keys = program.add_subcommand("keys", "Make, list and revoke API keys (needs a key with the scope admin)");
  keys->require_subcommand(1);
  keys->footer(
      "Examples:\n"
      "  millrace keys create --name website --scopes write --key $ADMIN_KEY\n"
      "  millrace keys list --key $ADMIN_KEY\n"
      "  millrace keys revoke k1a2b3c4 --key $ADMIN_KEY");
  auto options = std::make_shared<KeysArguments>();  // shared_ptr: kept by the callback
  CLI::App* creates = keys->add_subcommand("create", "Make a key and print it, once");
  options->connection.add_to(*creates);
  creates->add_option("--name", options->name, "What the key is for")->required();
  creates->add_option("--scopes", options->scopes, "Any of write, read, sql, feed, admin")
      ->delimiter(',')
      ->capture_default_str();
  creates->add_option("--expires", options->expires, "RFC 3339 time after which it is no longer good");
  creates->add_flag("--json", options->json, "The whole answer as JSON");
  creates->footer(
      "Examples:\n  millrace keys create --name website --scopes write --key $ADMIN_KEY\n"
      "  millrace keys create --name query --scopes feed --key $ADMIN_KEY");
  creates->callback([options, &outcome] { outcome.exit_code = create(*options); });

  options = std::make_shared<KeysArguments>();  // shared_ptr: its own, or it gets the first one's environment
  CLI::App* lists = keys->add_subcommand("list", "List the keys, without their secrets");
  options->connection.add_to(*lists);
  lists->add_flag("--json", options->json, "As JSON");
  lists->footer("Example:\n  millrace keys list --key $ADMIN_KEY");
  lists->callback([options, &outcome] { outcome.exit_code = list(*options); });

  options = std::make_shared<KeysArguments>();  // shared_ptr: the same
  CLI::App* revokes = keys->add_subcommand("revoke", "Make a key useless, from the next request on");
  options->connection.add_to(*revokes);
  revokes->add_option("id", options->id, "The key's id, from 'millrace keys list'")->required();
  revokes->footer("Example:\n  millrace keys revoke k1a2b3c4 --key $ADMIN_KEY");
  revokes->callback([options, &outcome] { outcome.exit_code = revoke(*options); });
}

}  // namespace millrace::cmd
