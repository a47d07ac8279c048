#include "base/settings.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/settings_value.h"

namespace millrace {
namespace {

using settings_detail::format_bytes;
using settings_detail::format_duration;
using settings_detail::parse_bytes;
using settings_detail::parse_duration;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

SettingSources from_file(std::string text) {
  SettingSources sources;
  sources.file_name = "millrace.toml";
  sources.file_text = std::move(text);
  return sources;
}

std::string error_of(const SettingSources& sources) {
  Result<Settings> settings = Settings::load(sources);
  return settings.ok() ? "no error" : settings.error().message;
}

TEST(SettingsTest, NothingAtAllGivesTheDefaults) {
  Result<Settings> settings = Settings::load({});
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->values().data, "./millrace-data");
  EXPECT_EQ(settings->values().listen, "127.0.0.1:8080");
  EXPECT_EQ(settings->values().stream_segment_bytes, 64u << 20);
  EXPECT_EQ(settings->values().process_batch_age, milliseconds(400));
  EXPECT_EQ(settings->origin("stream.segment_bytes"), "default");
  EXPECT_TRUE(settings->warnings().empty());
}

TEST(SettingsTest, FlagsGoOverTheEnvironmentAndThatOverTheFile) {
  SettingSources sources = from_file("data = 'file'\nlisten = 'file:1'\n[http]\nthreads = 3\n");
  sources.environment = {{"MILLRACE_LISTEN", "environment:1"}, {"MILLRACE_HTTP_THREADS", "4"}};
  sources.flags = {{"http-threads", "5"}};
  Result<Settings> settings = Settings::load(sources);
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->values().data, "file");
  EXPECT_EQ(settings->origin("data"), "millrace.toml:1");
  EXPECT_EQ(settings->values().listen, "environment:1");
  EXPECT_EQ(settings->origin("listen"), "MILLRACE_LISTEN");
  EXPECT_EQ(settings->values().http_threads, 5);
  EXPECT_EQ(settings->origin("http.threads"), "--http-threads");
}

TEST(SettingsTest, EveryTypeIsReadFromTheFile) {
  Result<Settings> settings = Settings::load(from_file(R"(
[http]
body_max = "2MB"
unpacked_max = 4096000
[log]
format = "json"
[stream]
retain_age = "36h"
[store]
url = "http://u:p@db:8123/m"
[engine]
password = "secret"
[[property]]
name = "added"
type = "integer"
[[property]]
name = "cart.total"
type = "number"
)"));
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->values().http_body_max, 2'000'000u);
  EXPECT_EQ(settings->values().http_unpacked_max, 4'096'000u);
  EXPECT_EQ(settings->values().log_format, "json");
  EXPECT_EQ(settings->values().stream_retain_age, std::chrono::hours(36));
  EXPECT_EQ(settings->values().store_url, "http://u:p@db:8123/m");
  EXPECT_EQ(settings->values().engine_password, "secret");
  ASSERT_EQ(settings->values().properties.size(), 2u);
  EXPECT_EQ(settings->values().properties[1].name, "cart.total");
  EXPECT_EQ(settings->values().properties[1].type, "number");
}

TEST(SettingsTest, AnUnknownKeyIsAnErrorWithItsLineAndTheNearestName) {
  EXPECT_EQ(error_of(from_file("[http]\n\nthread = 3\n")),
            "millrace.toml:3: unknown setting \"http.thread\"; did you mean \"http.threads\"?");
  EXPECT_EQ(error_of(from_file("[weather]\nrain = true\n")), "millrace.toml:2: unknown setting \"weather.rain\"");
}

TEST(SettingsTest, AnUnknownFlagIsAnError) {
  SettingSources sources;
  sources.flags = {{"dta", "x"}};
  EXPECT_EQ(error_of(sources), "--dta: unknown flag; did you mean \"data\"?");
}

TEST(SettingsTest, AnUnknownVariableIsAWarningAndForeignOnesArePassedOver) {
  SettingSources sources;
  sources.environment = {{"MILLRACE_HTTP_THREAD", "3"},
                         {"PATH", "/bin"},
                         {"MILLRACE_BOOTSTRAP_KEY", "0123456789abcdef"},
                         {"MILLRACE_FEED_KEY", "0123456789abcdeg"}};
  Result<Settings> settings = Settings::load(sources);
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_THAT(settings->warnings(), ElementsAre("the environment's MILLRACE_HTTP_THREAD is no setting; did you mean "
                                                "\"MILLRACE_HTTP_THREADS\"?"));
}

TEST(SettingsTest, AllProblemsAreToldAtOnce) {
  SettingSources sources = from_file("listn = 'x'\n[http]\nthreads = -1\n");
  sources.environment = {{"MILLRACE_LOG_LEVEL", "loud"}};
  EXPECT_EQ(error_of(sources),
            "millrace.toml:1: unknown setting \"listn\"; did you mean \"listen\"?\n"
            "millrace.toml:3: http.threads must be an integer, 0 to 256, not \"-1\"\n"
            "MILLRACE_LOG_LEVEL: log.level must be debug, info, warning or error, not \"loud\"");
}

TEST(SettingsTest, BoundsHoldWhereverAValueComesFrom) {
  const std::string message = "stream.partitions must be an integer, 1 to 256, not \"257\"";
  EXPECT_EQ(error_of(from_file("[stream]\npartitions = 257")), "millrace.toml:2: " + message);
  SettingSources environment, flags;
  environment.environment = {{"MILLRACE_STREAM_PARTITIONS", "257"}};
  flags.flags = {{"stream-partitions", "257"}};
  EXPECT_EQ(error_of(environment), "MILLRACE_STREAM_PARTITIONS: " + message);
  EXPECT_EQ(error_of(flags), "--stream-partitions: " + message);
  flags.flags = {{"stream-partitions", "256"}};
  EXPECT_EQ(error_of(flags), "no error");
}

TEST(SettingsTest, AWrongTypeIsAnErrorThatSaysTheRightOne) {
  EXPECT_EQ(error_of(from_file("[http]\nthreads = \"3\"")),
            "millrace.toml:2: http.threads must be an integer, 0 to 256, not \"3\"");
  EXPECT_EQ(error_of(from_file("[process]\nbatch_age = 400")),
            "millrace.toml:2: process.batch_age must be a duration such as 400ms, 10s or 7d, 1ms to 60s, not 400");
  EXPECT_THAT(error_of(from_file("data = [1]")), HasSubstr("millrace.toml:1: data must be text"));
  EXPECT_THAT(error_of(from_file("http = 3")), HasSubstr("millrace.toml:1: unknown setting \"http\""));
}

TEST(SettingsTest, WhatIsNotTomlIsAnErrorWithItsLine) {
  EXPECT_THAT(error_of(from_file("data = 'a'\nlisten = \n")), HasSubstr("millrace.toml:2: "));
  EXPECT_THAT(error_of(from_file("data = 'a'\ndata = 'b'\n")), HasSubstr("millrace.toml:2: "));
}

TEST(SettingsTest, LessThanAllRolesNeedATopicAndAStoreThatCanBeShared) {
  const std::string kafka = "stream.kind = 'kafka'\nkafka.brokers = 'a:1'\n";
  const std::string both = kafka + "store.url = 'http://db:8123/m'\n";
  EXPECT_THAT(error_of(from_file("roles = 'ingest'\n")), HasSubstr("needs stream.kind kafka"));
  EXPECT_EQ(error_of(from_file("roles = 'ingest'\n" + kafka)), "no error");
  EXPECT_THAT(error_of(from_file("roles = 'process'\n" + kafka)), HasSubstr("needs store.url"));
  EXPECT_THAT(error_of(from_file("roles = 'ingest,query'\n" + kafka)), HasSubstr("needs store.url"));
  EXPECT_EQ(error_of(from_file("roles = 'process, query'\n" + both)), "no error");
  EXPECT_THAT(error_of(from_file("process.group = 'g'\n" + kafka)),
              HasSubstr("process.group is set, which needs store.url"));
  EXPECT_EQ(error_of(from_file("process.group = 'g'\n" + both)), "no error");
  EXPECT_THAT(error_of(from_file("roles = 'query'\nprocess.group = 'g'\n" + both)), HasSubstr("roles has no process"));
  EXPECT_THAT(error_of(from_file("roles = 'query'\nsource.kafka.topic = 'o'\n" + both)),
              HasSubstr("roles has no ingest"));
}

TEST(SettingsTest, AWordThatIsNoRoleIsAnError) {
  EXPECT_THAT(error_of(from_file("roles = 'ingest,proces'\n")), HasSubstr("\"proces\" is no role"));
  EXPECT_THAT(error_of(from_file("roles = 'ingest,'\n")), HasSubstr("\"\" is no role"));
  EXPECT_THAT(error_of(from_file("roles = 'query,query'\n")), HasSubstr("query is named twice"));
  EXPECT_EQ(error_of(from_file("roles = 'query, ingest,process'\n")), "no error");
}

TEST(SettingsTest, ProcessorsToMergeHaveAddressesAndAKey) {
  EXPECT_THAT(error_of(from_file("query.processors = 'http://a:1'\n")), HasSubstr("needs query.processors_key"));
  const std::string key = "query.processors_key = 'k'\n";
  EXPECT_THAT(error_of(from_file(key + "query.processors = 'http://a:1,b:2'\n")), HasSubstr("\"b:2\" is no address"));
  EXPECT_EQ(error_of(from_file(key + "query.processors = 'http://a:1, https://b:2'\n")), "no error");
}

TEST(SettingsTest, ASecretIsNeverInAMessage) {
  std::string long_secret(300, 's');
  EXPECT_EQ(error_of(from_file("[engine]\npassword = \"" + long_secret + "\"")),
            "millrace.toml:2: engine.password must be text, at most 255 bytes long, not what it is");
  EXPECT_EQ(error_of(from_file("[engine]\npassword = 20071")),
            "millrace.toml:2: engine.password must be text, at most 255 bytes long, not what it is");
  EXPECT_THAT(error_of(from_file("[store]\nurl = \"http://u:" + std::string(5000, 's') + "@h/\"")),
              testing::Not(HasSubstr("sss")));
}

TEST(SettingsTest, AValueThatIsNotUtf8IsRefusedBecauseNoFileCouldSayIt) {
  SettingSources sources;
  sources.environment = {{"MILLRACE_DATA", "caf\xe9"}};
  EXPECT_EQ(error_of(sources), "MILLRACE_DATA: data must be UTF-8");
  sources.environment = {{"MILLRACE_DATA", "caf\u00e9"}};
  EXPECT_EQ(error_of(sources), "no error");
}

TEST(SettingsTest, SettingsThatBelongTogetherAreCheckedTogether) {
  EXPECT_THAT(error_of(from_file("[http]\ntls_key = 'key.pem'")), HasSubstr("belong together"));
  EXPECT_THAT(error_of(from_file("[engine]\nlisten = '127.0.0.1:8123'")), HasSubstr("needs engine.password"));
  EXPECT_THAT(error_of(from_file("[http]\nunpacked_max = '100KB'")), HasSubstr("larger than http.unpacked_max"));
}

TEST(SettingsTest, PropertiesAreCheckedOneByOne) {
  EXPECT_THAT(error_of(from_file("[[property]]\ntype = 'integer'")),
              HasSubstr("millrace.toml:1: [[property]] needs a name"));
  EXPECT_THAT(error_of(from_file("[[property]]\nname = 'a'\ntype = 'int'")), HasSubstr("needs a type"));
  EXPECT_THAT(error_of(from_file("[[property]]\nname = 'a'\ntype = 'string'\nsize = 3")),
              HasSubstr("millrace.toml:4: unknown key \"size\""));
  const std::string a = "[[property]]\nname = 'a'\ntype = 'string'\n";
  EXPECT_THAT(error_of(from_file(a + a)), HasSubstr("declared twice"));
}

TEST(SettingsTest, PrintShowsValuesWithOriginsAndHidesSecrets) {
  SettingSources sources = from_file("[engine]\npassword = 'hush'\n[store]\nurl = 'https://me:hush@db:8443/m'\n");
  sources.flags = {{"data", "with \"quotes\" and \\"}};
  Result<Settings> settings = Settings::load(sources);
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  std::string text = settings->print();
  EXPECT_THAT(text, testing::Not(HasSubstr("hush")));
  EXPECT_THAT(text, HasSubstr("url = \"https://me:***@db:8443/m\""));
  EXPECT_THAT(text, HasSubstr("password = \"***\""));
  EXPECT_THAT(text, testing::ContainsRegex("data = .*# --data\n"));
  EXPECT_THAT(text, testing::ContainsRegex("password = .*# millrace.toml:2\n"));

  Result<Settings> again = Settings::load(from_file(text));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->values().data, "with \"quotes\" and \\");
  EXPECT_EQ(again->values().process_id_window, settings->values().process_id_window);
}

TEST(SettingsTest, ExplainTellsOneASectionOrAll) {
  Result<std::string> one = explain_settings("process.batch_age");
  ASSERT_TRUE(one.ok());
  EXPECT_THAT(*one, HasSubstr("process.batch_age = \"400ms\""));
  EXPECT_THAT(*one, HasSubstr("1ms to 60s"));
  EXPECT_THAT(*one, HasSubstr("MILLRACE_PROCESS_BATCH_AGE, flag --process-batch-age"));
  Result<std::string> section = explain_settings("query");
  ASSERT_TRUE(section.ok());
  EXPECT_THAT(*section, HasSubstr("query.threads"));
  EXPECT_THAT(*section, testing::Not(HasSubstr("engine.memory")));
  Result<std::string> all = explain_settings("");
  ASSERT_TRUE(all.ok());
  for (const SettingInfo& info : setting_table()) {
    EXPECT_THAT(*all, HasSubstr(std::string(info.path) + " = "));
  }
  EXPECT_EQ(explain_settings("querry.threads").error().message,
            "there is no setting \"querry.threads\"; did you mean \"query.threads\"?");
}

TEST(SettingsTest, EveryRowOfTheTableIsWellFormed) {
  for (const SettingInfo& info : setting_table()) {
    std::string member(info.path);
    std::replace(member.begin(), member.end(), '.', '_');
    EXPECT_EQ(info.member, member) << "member and path must agree, so that names follow from each other";
    EXPECT_FALSE(info.description.empty()) << info.path;
    EXPECT_EQ(info.description.find('|'), std::string_view::npos) << "would break the table of the reference page";
    Result<settings_detail::Value> value = settings_detail::parse_value(info, info.default_text);
    ASSERT_TRUE(value.ok()) << info.path << " " << value.error().message;
    if (info.type != SettingType::kUrl && info.type != SettingType::kSecret) {
      EXPECT_EQ(*settings_detail::parse_value(info, settings_detail::format_value(info, *value)), *value) << info.path;
    }
  }
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(SettingsTest, TheReferencePageIsWhatTheTableSays) {
  EXPECT_EQ(content_of("docs/configuration.md"), settings_markdown())
      << "millrace config explain --markdown > docs/configuration.md";
}

TEST(SettingsTest, EveryExampleConfigurationIsGood) {
  int examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator("config")) {
    SettingSources sources = from_file(content_of(entry.path()));
    EXPECT_FALSE(sources.file_text.empty()) << entry.path();
    EXPECT_EQ(error_of(sources), "no error") << entry.path();
    ++examples;
  }
  EXPECT_GE(examples, 4);
}

TEST(SettingsTest, WhatIsPrintedOfAViewCanBeLoadedAgain) {
  Result<Settings> settings = Settings::load(from_file(R"(
[[views]]
name = "signups"
by = ["properties.plan"]
where = ["and", ["=", "event", "sign\tup"], [">", "properties.seats", 2.5]]
deep.er.down = "16MiB"
"odd key" = [{ a = 1 }, { b = true, "=" = "" }]
)"));
  ASSERT_TRUE(settings.ok());
  Result<Settings> again = Settings::load(from_file(settings->print()));
  ASSERT_TRUE(again.ok()) << again.error().message << settings->print();
  EXPECT_EQ(again->values().views, settings->values().views);
}

TEST(SettingsTest, SizesReadBackAsTheyAreWritten) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("17"), 17u);
  EXPECT_EQ(parse_bytes("64MiB"), 64u << 20);
  EXPECT_EQ(parse_bytes("64MB"), 64'000'000u);
  for (const char* wrong :
       {"", "MiB", "-1", "1.5GiB", "64 MiB", "64mb", "18446744073709551616", "16777216TiB", "0x10"}) {
    EXPECT_EQ(parse_bytes(wrong), std::nullopt) << wrong;
  }
  for (std::uint64_t bytes : {0ull, 1ull, 1000ull, 1024ull, 1'500'000ull, 1ull << 63, ~0ull}) {
    EXPECT_EQ(parse_bytes(format_bytes(bytes)), bytes);
  }
}

TEST(SettingsTest, DurationsReadBackAsTheyAreWritten) {
  EXPECT_EQ(parse_duration("400ms"), milliseconds(400));
  EXPECT_EQ(parse_duration("7d"), std::chrono::hours(168));
  for (const char* wrong : {"", "400", "s", "-1s", "1.5s", "1 s", "1w", "99999999999999d", "36526d"}) {
    EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
  }
  for (int ms : {0, 1, 999, 1000, 90'000, 86'400'000}) {
    EXPECT_EQ(parse_duration(format_duration(milliseconds(ms))), milliseconds(ms));
  }
}

TEST(SettingsTest, OnlyTheProgramsOwnVariablesAreTaken) {
  const char* environment[] = {"PATH=/bin", "MILLRACE_DATA=a=b", "MILLRACE_ODD", nullptr};
  EXPECT_THAT(millrace_environment(environment), ElementsAre(testing::Pair("MILLRACE_DATA", "a=b")));
}

TEST(Settings, WhatIsUnderKafkaAndNotOursIsLibrdkafkas) {
  SettingSources sources;
  sources.file_name = "millrace.toml";
  sources.file_text =
      "[kafka]\nbrokers = \"a:1\"\nssl.ca.location = \"ca.pem\"\nretries = 7\nssl.keystore.password = \"hush\"\n"
      "sasl.password = \"quiet\"\n";
  Result<Settings> settings = Settings::load(sources);
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  EXPECT_EQ(settings->values().kafka_brokers, "a:1");
  EXPECT_EQ(settings->values().kafka_sasl_password, "quiet");
  using Options = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(settings->values().kafka_options,
            (Options{{"ssl.ca.location", "ca.pem"}, {"retries", "7"}, {"ssl.keystore.password", "hush"}}));
  std::string printed = settings->print();
  EXPECT_NE(printed.find("\"ssl.ca.location\" = \"ca.pem\""), std::string::npos) << printed;
  EXPECT_EQ(printed.find("hush"), std::string::npos);
  EXPECT_EQ(printed.find("quiet"), std::string::npos);
  sources.file_text = printed;
  Result<Settings> again = Settings::load(sources);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->values().kafka_options.size(), 3u);
}

TEST(Settings, ASourceNeedsBrokersAndIsNotTheStreamItself) {
  SettingSources sources;
  sources.file_name = "millrace.toml";
  sources.file_text = "[source.kafka]\ntopic = \"theirs\"\n";
  EXPECT_THAT(error_of(sources), HasSubstr("source.kafka.topic needs source.kafka.brokers or kafka.brokers"));
  sources.file_text = "kafka.brokers = \"a:1\"\nstream.kind = \"kafka\"\nsource.kafka.topic = \"millrace\"\n";
  EXPECT_THAT(error_of(sources), HasSubstr("source.kafka.topic is the topic of the stream itself"));
  sources.file_text += "source.kafka.brokers = \"b:1\"\n";
  EXPECT_TRUE(Settings::load(sources).ok());
}

TEST(Settings, AMisspelledSettingOfKafkaIsRefused) {
  SettingSources sources;
  sources.file_name = "millrace.toml";
  sources.file_text = "[kafka]\nbrokrs = \"a:1\"\n";
  EXPECT_EQ(error_of(sources), "millrace.toml:2: unknown setting \"kafka.brokrs\"; did you mean \"kafka.brokers\"?");
}

}  // namespace
}  // namespace millrace
