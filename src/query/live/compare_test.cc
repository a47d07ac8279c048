#include "query/live/compare.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string answer(const std::string& times, const std::string& counts) {
  return fmt::format(R"({{"columns":[{{"name":"time","values":[{}]}},{{"name":"count","values":[{}]}}]}})", times,
                     counts);
}

TEST(CompareViews, MinutesAreSummedOverTheirEventsAndMustBeEqual) {
  std::string view = answer("60000,60000,120000", "3,4,5");
  ViewsComparison same = compare_views(view, answer("60000,120000,180000", "7,5,0"), view).value();
  EXPECT_EQ(same.differ, 0U);
  EXPECT_EQ(same.minutes, 3U);
  EXPECT_EQ(same.events, 12U);
  ViewsComparison other = compare_views(view, answer("60000,120000", "8,5"), view).value();
  EXPECT_EQ(other.differ, 1U);
  EXPECT_EQ(other.first, "the minute that begins at 60000 ms: the view has 7 events, the store 8");
}

TEST(CompareViews, AMinuteThatOnlyOneOfThemHasDiffers) {
  std::string view = answer("60000", "3");
  EXPECT_EQ(compare_views(view, answer("", ""), view).value().differ, 1U);
  EXPECT_EQ(compare_views(view, answer("60000,120000", "3,1"), view).value().differ, 1U);
}

TEST(CompareViews, AMinuteThatChangedMeanwhileIsNotJudged) {
  ViewsComparison found =
      compare_views(answer("60000,120000", "3,1"), answer("60000,120000", "3,9"), answer("60000,120000", "3,2"))
          .value();
  EXPECT_EQ(found.differ, 0U);
  EXPECT_EQ(found.moving, 1U);
  EXPECT_EQ(found.minutes, 1U);
}

TEST(CompareViews, TheStoreIsAskedAboutTheViewsMinutesAndTheNewest) {
  EXPECT_EQ(question_about(answer("120000,60000", "1,1"), 200'000).value(),
            R"({"measures":["count"],"every":"minute","range":[60000,240000],"limit":10000})");
  EXPECT_EQ(question_about(answer("", ""), 5).value(), "");
}

}  // namespace
}  // namespace millrace
