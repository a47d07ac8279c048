import assert from "node:assert/strict";
import { test } from "node:test";
import { autoEvery, bucketEnd, first_question, parseTopic, rangeSeconds, toQuery, topicOf, typed, underWay, valueOf, whereOf } from "../src/data/question";
import type { Question } from "../src/data/question";
import { questionFromUrl, questionToUrl } from "../src/data/question_url";
import { titleOf } from "../src/data/title";

const sales: Question = {
  measures: ["count", "quantile(0.95, properties.price)"],
  by: ["properties.plan"],
  where: [
    { field: "event", operator: "=", value: "purchase" },
    { field: "properties.price", operator: ">=", value: "10" },
    { field: "user_id", operator: "exists", value: "" },
  ],
  range: "7d",
  every: "hour",
  compare: true,
  chart: "line",
};

test("a question survives the address, odd characters too", () => {
  const odd: Question = { ...sales, where: [{ field: 'properties."a.b"', operator: "contains", value: '<img src=x onerror="1"> & ?=#+%\u202e' }] };
  for (const question of [sales, odd, first_question, { ...sales, range: "2025-01-01,2025-02-01", chart: "bars" as const, every: "none" }]) {
    assert.deepEqual(questionFromUrl(new URL(questionToUrl(question), "http://x").search), question);
  }
  assert.equal(questionToUrl(first_question), "/explore");
});

test("an address that can't be understood gives a question that can be asked", () => {
  const question = questionFromUrl("?w=nonsense&w=%5B%22drop%22%2C1%5D&every=eon&chart=pie&by=event&by=event");
  assert.deepEqual(question, { ...first_question, by: ["event"] });
});

test("a question becomes the query that it says", () => {
  assert.deepEqual(toQuery(sales, "Europe/Berlin"), {
    measures: ["count", "quantile(0.95, properties.price)"],
    by: ["properties.plan"],
    where: ["and", ["=", "event", "purchase"], [">=", "properties.price", 10], ["exists", "user_id"]],
    range: "7d",
    every: "hour",
    time_zone: "Europe/Berlin",
    compare: "previous",
    limit: 10_000,
  });
  const all = toQuery({ ...first_question, range: "all", compare: true, chart: "bars", by: ["event"] }, "UTC");
  assert.equal(all.compare, undefined, "all time has no period before it");
  assert.equal(all.every, undefined, "bars have no time axis");
  assert.deepEqual(toQuery({ ...first_question, range: "2025-01-01, now" }, "UTC").range, ["2025-01-01", "now"]);
});

test("a filter without a value is not asked yet", () => {
  assert.equal(whereOf([{ field: "event", operator: "=", value: " " }]), undefined);
  assert.deepEqual(whereOf([{ field: "event", operator: "not exists", value: "" }]), ["not", ["exists", "event"]]);
  assert.deepEqual(whereOf([{ field: "event", operator: "in", value: 'a, "b, c", 3' }]), ["in", "event", ["a", "b, c", 3]]);
});

test("a value is what JSON takes it for, else text", () => {
  const values: [string, unknown][] = [["10", 10], ["-1.5e3", -1500], ["true", true], ["null", null], ['"10"', "10"], ["010", "010"], ["pro", "pro"], ["1e400", Number.POSITIVE_INFINITY], ['"broken', '"broken']];
  for (const [text, value] of values) {
    if (text === "1e400") continue; // JSON reads it as infinity; the server refuses it with the reason
    assert.equal(valueOf(text), value, text);
  }
  for (const value of ["10", "pro", "true", " x", "", '"', 10, true]) assert.equal(valueOf(typed(value)), value);
});

test("granularity follows the range, coarser when broken down", () => {
  assert.equal(autoEvery("1h", false), "minute");
  assert.equal(autoEvery("24h", false), "5_minutes");
  assert.equal(autoEvery("24h", true), "hour");
  assert.equal(autoEvery("7d", false), "hour");
  assert.equal(autoEvery("30d", true), "day");
  assert.equal(autoEvery("all", false), "month");
  assert.equal(rangeSeconds("2025-01-01,2025-01-02"), 86_400);
  assert.equal(rangeSeconds("2025-01-02,2025-01-01"), null);
  assert.equal(rangeSeconds("nonsense"), null);
});

test("topics are read as they are written", () => {
  const query = toQuery(sales, "UTC");
  assert.deepEqual(parseTopic(topicOf(query, "10s")), { kind: "query", query, refresh: "10s" });
  const brace = { ...query, where: ["=", "event", "};refresh=1s"] as [string, ...unknown[]] };
  assert.deepEqual(parseTopic(topicOf(brace, "10s"))!.query, brace);
  assert.deepEqual(parseTopic('tail:["=","event","x"]'), { kind: "tail", filter: ["=", "event", "x"] });
  assert.deepEqual(parseTopic("view:events_by_second;window=15m"), { kind: "view", name: "events_by_second" });
  for (const bad of ["", "query:", "query:{", "tail:x", "else"]) assert.equal(parseTopic(bad), null, bad);
});

test("a title says what is asked", () => {
  assert.equal(titleOf(sales), "Events, p95 of price by plan, last 7 days");
  assert.equal(titleOf(first_question), "Events, last 24 hours");
});

test("a bucket is under way until it ends", () => {
  const at = (text: string) => Date.parse(text);
  assert.equal(bucketEnd(at("2026-01-31T10:00Z"), "15_minutes"), at("2026-01-31T10:15Z"));
  assert.equal(bucketEnd(at("2026-02-01T00:00Z"), "month"), at("2026-03-01T00:00Z"));
  assert.equal(bucketEnd(at("2026-12-28T00:00Z"), "week"), at("2027-01-04T00:00Z"));
  assert.ok(underWay([0, 60_000], "minute", 119_999) && !underWay([0, 60_000], "minute", 120_000));
  assert.ok(!underWay([0], "minute", 1) && !underWay([0, 60_000], undefined, 1), "one bucket alone is all there is");
});
