#include "store/clickhouse/property_keeper.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/clickhouse/metric_sql.h"

namespace millrace::clickhouse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr KeptProperty::Kind kText = KeptProperty::Kind::kText;
constexpr KeptProperty::Kind kNumber = KeptProperty::Kind::kNumber;

FieldRef property(std::vector<std::string> path) { return {FieldRef::Kind::kProperty, "", std::move(path), "field"}; }

TEST(AskedProperties, AreThoseOfDimensionsMeasuresAndFiltersByWhatIsAskedOfThem) {
  MetricQuery query;
  query.by = {property({"plan"}), {FieldRef::Kind::kBase, "event", {}, "event"}};
  query.measures = {{Measure::Kind::kCount, property({"unused"}), 0, ""},
                    {Measure::Kind::kSum, property({"cart", "total"}), 0, ""},
                    {Measure::Kind::kUniq, property({"plan"}), 0, ""}};
  query.where = Filter{Filter::Kind::kAnd,
                       {{Filter::Kind::kIn, {}, property({"n"}), {std::int64_t{1}, std::string("x")}},
                        {Filter::Kind::kExists, {}, property({"there"}), {}}},
                       {},
                       {}};
  EXPECT_THAT(asked_properties(query, {}),
              ElementsAre(KeptProperty{"plan", kText}, KeptProperty{"cart.total", kNumber}, KeptProperty{"n", kNumber},
                          KeptProperty{"n", kText}, KeptProperty{"there", kText}));
}

TEST(AskedProperties, LeaveOutWhatIsDeclaredAndWhatCannotBeAColumn) {
  MetricQuery query;
  query.by = {
      property({"plan"}), property({"a.b"}), property({"a`b"}), {FieldRef::Kind::kContext, "", {"ip"}, "context.ip"}};
  EXPECT_THAT(asked_properties(query, {{"plan", DeclaredProperty::Type::kString}}), IsEmpty());
}

TEST(KeptProperty, IsKnownAgainByItsColumn) {
  for (const KeptProperty& kept :
       {KeptProperty{"cart.total", kNumber, false}, KeptProperty{"plan", kText, true}, KeptProperty{"s", kText}}) {
    auto found = kept_of_column(kept_column(kept), kept_type(kept));
    ASSERT_TRUE(found.has_value()) << kept.name;
    EXPECT_EQ(*found, kept);
    EXPECT_EQ(found->few, kept.few);
  }
  EXPECT_FALSE(kept_of_column("p_plan", "Nullable(String)").has_value());
  EXPECT_FALSE(kept_of_column("n_plan", "Nullable(String)").has_value());
}

TEST(KeptProperty, AnswersItsQuestionsInsteadOfTheText) {
  QuerySchema schema{"millrace", {}, "", {{"plan", kText, true}, {"cart.total", kNumber, false}}};
  MetricQuery query;
  query.project = "default";
  query.by = {property({"plan"})};
  query.measures = {{Measure::Kind::kSum, property({"cart", "total"}), 0, "sum"}};
  auto sql = metric_sql(query, schema);
  ASSERT_TRUE(sql.ok()) << sql.error().message;
  EXPECT_THAT(sql->text, HasSubstr("`t_plan`"));
  EXPECT_THAT(sql->text, HasSubstr("sum(`n_cart:total`)"));
  EXPECT_THAT(sql->text, Not(HasSubstr("JSON")));
  query.measures = {{Measure::Kind::kSum, property({"plan"}), 0, "sum"}};  // as a number it has no column
  EXPECT_THAT(metric_sql(query, schema)->text, HasSubstr("JSONExtractRaw"));
}

TEST(PropertyKeeper, TheSecondLargeQuestionGivesAColumn) {
  PropertyKeeper keeper(2, 100);
  keeper.asked({{"small", kText}}, 99);
  keeper.asked({{"small", kText}}, 99);
  keeper.asked({{"a", kText}, {"b", kNumber}}, 100);
  keeper.asked({{"b", kNumber}}, 100);
  keeper.asked({{"b", kNumber}}, 100);
  keeper.asked({{"a", kText}}, 100);
  EXPECT_EQ(keeper.next(), (KeptProperty{"b", kNumber}));
  EXPECT_EQ(keeper.next(), (KeptProperty{"a", kText}));
  keeper.stop();
  EXPECT_FALSE(keeper.next().has_value());
}

TEST(PropertyKeeper, HasABound) {
  PropertyKeeper keeper(1, 0, 1);
  keeper.set_kept({{"a", kText}});
  keeper.asked({{"a", kText}, {"b", kText}}, 0);
  keeper.stop();
  EXPECT_FALSE(keeper.next().has_value());
}

TEST(PropertyKeeper, KnownOnesComeOnceMoreWhenTheirColumnsMayLackRows) {
  PropertyKeeper keeper(8, 0);
  keeper.set_kept({{"a", kText}, {"b", kText}});
  keeper.again();
  keeper.again();
  EXPECT_EQ(keeper.next(), (KeptProperty{"a", kText}));
  EXPECT_EQ(keeper.next(), (KeptProperty{"b", kText}));
  keeper.stop();
  EXPECT_FALSE(keeper.next().has_value());
}

TEST(PropertyKeeper, StoppingWakesWhoeverWaits) {
  PropertyKeeper keeper(8, 0);
  std::thread waits([&] { EXPECT_FALSE(keeper.next().has_value()); });
  keeper.stop();
  waits.join();
}

}  // namespace
}  // namespace millrace::clickhouse
