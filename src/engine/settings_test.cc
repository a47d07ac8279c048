#include "engine/settings.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace millrace::engine {
namespace {

TEST(Settings, EveryAllowedOneIsOnItsPage) {
  std::ifstream file("docs/engine.md");
  std::stringstream page;
  page << file.rdbuf();
  ASSERT_NE(page.str(), "") << "run from the root of the source tree";
  for (std::string_view name : allowed_settings()) {
    EXPECT_NE(page.str().find("`" + std::string(name) + "`"), std::string::npos) << name;
  }
}

TEST(Settings, PrefixesMatchTheirFamilyAndNamesOnlyThemselves) {
  EXPECT_TRUE(is_allowed_setting("output_format_json_quote_64bit_integers"));
  EXPECT_TRUE(is_allowed_setting("max_threads"));
  for (const char* name :
       {"max_threads2", "allow_ddl", "xoutput_format_", "format_schema", "log_comment", "readonly", ""}) {
    EXPECT_FALSE(is_allowed_setting(name)) << name;
  }
}

TEST(Settings, QuotesCannotBeLeft) {
  EXPECT_EQ(quote_string("it's\\"), "'it\\'s\\\\'");
  EXPECT_EQ(quote_name("a`b"), "`a\\`b`");
  EXPECT_EQ(quote_string(std::string_view("a\0b", 3)), "'a\\0b'");
}

}  // namespace
}  // namespace millrace::engine
