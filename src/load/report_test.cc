#include "load/report.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace::load {
namespace {

LoadReport some_report() {
  LoadReport report;
  report.totals.requests.add(100);
  report.totals.accepted.add(9'990);
  report.totals.rejected.add(10);
  report.totals.repeats.add(90);
  report.totals.latency.record(1'500'000, 100);
  report.elapsed = 2;
  report.cpu_seconds = 0.01;
  report.seconds = {{1, 1, 5'000, 0, 0, 1'000'000, 2'000'000, 2'000'000},
                    {2, 1, 4'990, 10, 0, 1'000'000, 3'000'000, 9'000'000}};
  return report;
}

Proof good_proof() {
  Proof proof;
  proof.log = 9'990;
  proof.stored = proof.counted = proof.counted_min = proof.counted_max = 9'900;
  proof.repeats = 90;
  proof.audit_holds = true;
  return proof;
}

TEST(Report, ProofHoldsOnlyWhenEveryEventIsThereOnce) {
  EXPECT_TRUE(good_proof().holds());
  for (int change : {-1, 1}) {
    Proof proof = good_proof();
    proof.counted += static_cast<std::uint64_t>(change);
    EXPECT_FALSE(proof.holds());
  }
  Proof lost = good_proof();
  lost.lost = 1;
  EXPECT_FALSE(lost.holds());
  Proof unknown = good_proof();
  unknown.counted_max += 100;
  unknown.counted = unknown.stored = 9'950;
  EXPECT_TRUE(unknown.holds()) << "what has no answer may have been taken";
}

TEST(Report, TextSaysWhatWasProved) {
  EXPECT_NE(report_text({}, some_report(), good_proof(), "").find("proved: accepted = stored = counted"),
            std::string::npos);
  Proof bad = good_proof();
  bad.counted = 1;
  EXPECT_NE(report_text({}, some_report(), bad, "").find("NOT PROVED"), std::string::npos);
  EXPECT_NE(report_text({}, some_report(), std::nullopt, "no key").find("not proved: no key"), std::string::npos);
}

TEST(Report, JsonCanBeReadAndHasTheFigures) {
  auto json = Json::parse(report_json({}, some_report(), good_proof()));
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->find("accepted")->integer(), 9'990);
  EXPECT_EQ(json->find("events_per_s")->number(), 4'995);
  EXPECT_EQ(json->find("latency")->find("p99_us")->number(), 1'500);
  EXPECT_EQ(json->find("timeline")->items().size(), 2);
  EXPECT_TRUE(json->find("proof")->find("holds")->boolean());
}

TEST(Report, PictureHasALineForEachMeasure) {
  std::string svg = report_picture({}, some_report());
  std::size_t lines = 0;
  for (std::size_t at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 5);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(format_count(1'234'567), "1,234,567");
  EXPECT_EQ(format_latency(1'240'000), "1.24 ms");
}

}  // namespace
}  // namespace millrace::load
