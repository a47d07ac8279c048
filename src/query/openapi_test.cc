#include "query/openapi.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace {
namespace {

TEST(OpenApi, IsJsonWithEveryPathOfTheInterface) {
  Result<Json> description = Json::parse(openapi_json());
  ASSERT_TRUE(description.ok()) << description.error().message;
  EXPECT_EQ(description->find("openapi")->text(), "3.1.0");
  for (const char* path : {"/v1/events", "/v1/failed", "/v1/query", "/v1/schema", "/v1/keys", "/v1/keys/{id}",
                           "/v1/openapi.json", "/v1/health", "/metrics", "/healthz", "/readyz"}) {
    EXPECT_NE(description->find("paths")->find(path), nullptr) << path;
  }
}

}  // namespace
}  // namespace millrace
