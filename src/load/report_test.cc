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

TEST(Report, AdviceFollowsASentenceAndAPartOfOne) {
  EXPECT_EQ(with_advice("This needs read.", "use a key"), "This needs read; use a key");
  EXPECT_EQ(with_advice("no key", "use a key"), "no key; use a key");
}

TEST(Report, TextSaysWhyRequestsWereNeverSent) {
  auto text_of = [](std::uint64_t waiting, std::uint64_t unconnected, std::uint64_t at_end) {
    LoadReport report = some_report();
    report.interrupted = true;
    report.totals.unsent_requests.add(waiting + unconnected + at_end);
    report.totals.unsent_unconnected.add(unconnected);
    report.totals.unsent_at_end.add(at_end);
    return report_text({}, report, good_proof(), "");
  };
  EXPECT_NE(text_of(1, 0, 0).find(" every connection was waiting for an answer\n"), std::string::npos);
  EXPECT_NE(text_of(0, 1, 0).find(" there was no connection to the server\n"), std::string::npos);
  EXPECT_NE(text_of(0, 0, 1).find(" it was interrupted before their turn\n"), std::string::npos);
  EXPECT_NE(text_of(0, 1, 1).find("no connection to the server, or it was interrupted"), std::string::npos);
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

LoadReport report_with_a_dead_second() {
  LoadReport report = some_report();
  report.seconds.push_back({3, 1, 0, 0, 0, 0, 0, 0, 1'250'000'000});
  report.seconds.push_back({4, 1, 5'000, 0, 0, 1'000'000, 3'000'000, 9'000'000});
  report.silence = 1'900'000'000;
  return report;
}

TEST(Report, ASecondWithoutAnAnswerHasNoLatency) {
  LoadReport report = report_with_a_dead_second();
  EXPECT_EQ(second_text(report.seconds[2]), "    3 s           0 events/s accepted, no answer for 1.2 s");
  EXPECT_EQ(second_text(report.seconds[3]),
            "    4 s       5,000 events/s accepted, p50 1.00 ms, p99 3.00 ms, longest 9.00 ms");
  Second refusals{1, 1, 0, 700, 0};
  EXPECT_EQ(second_text(refusals), "    1 s           0 events/s accepted, 700 refused");
  EXPECT_NE(report_text({}, report, std::nullopt, "").find("longest without answer 1.90 s"), std::string::npos);
  auto json = Json::parse(report_json({}, report, std::nullopt));
  ASSERT_TRUE(json.ok());
  const Json& dead = json->find("timeline")->items()[2];
  EXPECT_EQ(dead.find("silent_us")->number(), 1'250'000);
  EXPECT_TRUE(dead.find("p50_us")->is_null());
}

TEST(Report, PictureHasAGapWhereNothingWasAnswered) {
  std::string svg = report_picture({}, report_with_a_dead_second());
  auto lines_of = [&svg](const std::string& colour) {
    std::size_t lines = 0;
    std::string begin = "<polyline fill=\"none\" stroke=\"" + colour + "\"";
    for (std::size_t at = svg.find(begin); at != std::string::npos; at = svg.find(begin, at + 1)) {
      ++lines;
    }
    return lines;
  };
  EXPECT_EQ(lines_of("#1565c0"), 1) << "that nothing was accepted is a rate";
  EXPECT_EQ(lines_of("#2e7d32"), 2);
  EXPECT_NE(svg.find("860.0,370.0 860.0,370.0 "), std::string::npos) << "a second alone is a dot" << svg;
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
