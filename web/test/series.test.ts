import assert from "node:assert/strict";
import { test } from "node:test";
import type { Column } from "../src/api/types";
import { overlay, sumByTime, toSeries, withPrevious } from "../src/data/series";
import { sumBy, toBars } from "../src/data/top";

const time = (values: number[]): Column => ({ name: "time", type: "time", unit: "ms", values });
const count = (values: (number | null)[]): Column => ({ name: "count", type: "integer", values });
const event = (values: (string | null)[]): Column => ({ name: "event", type: "string", values });

test("an answer by time alone is drawn from its own columns", () => {
  const columns = [time([1, 2]), count([5, 6]), { name: "mean(properties.a)", type: "number", values: [0.5, null] } as Column];
  const series = toSeries(columns);
  assert.ok(series.times === (columns[0].values as unknown) && series.lines[0].values === (columns[1].values as unknown), "no copy is made");
  assert.deepEqual(series.lines.map((line) => line.name), ["count", "mean(properties.a)"]);
});

test("groups become lines, the largest first, empty buckets zero for counts", () => {
  const series = toSeries([time([1, 1, 2, 3]), event(["a", "b", "b", null]), count([1, 5, 7, 2])], 2);
  assert.deepEqual(series.times, [1, 2, 3]);
  assert.deepEqual(series.lines, [{ name: "b", values: [5, 7, 0] }, { name: "(none)", values: [0, 0, 2] }]);
  assert.equal(series.left_out, 1);
});

test("groups of what doesn't add up have gaps", () => {
  const series = toSeries([time([1, 2]), event(["a", "b"]), { name: "mean(properties.a)", type: "number", values: [3, 4] }]);
  assert.deepEqual(series.lines.map((line) => line.values), [[null, 4], [3, null]]);
});

test("the period before is a line of its own", () => {
  const series = withPrevious(toSeries([time([10, 20]), count([1, 2])]), [time([0, 10]), count([3, null])]);
  assert.deepEqual(series.lines[1], { name: "count", values: [3, null], previous: true });
  assert.deepEqual(toSeries([]), { times: [], lines: [], left_out: 0 });
});

test("seconds add up over all events, and seconds without any are zero", () => {
  const series = sumByTime([1000, 1000, 3000, 9000, 0], [2, 3, 1, 100, 100], 1000, 4000, 1000);
  assert.deepEqual(series.times, [1000, 2000, 3000]);
  assert.deepEqual(series.lines[0].values, [5, 0, 1]);
});

test("yesterday lies under today", () => {
  const series = overlay(toSeries([time([100, 110]), count([1, 2])]), toSeries([time([0, 10, 20]), count([7, 8, 9])]), 100);
  assert.deepEqual(series.times, [100, 110, 120]);
  assert.deepEqual(series.lines.map((line) => line.values), [[1, 2, null], [7, 8, 9]]);
});

test("bars are the largest rows with their share and what was before", () => {
  const bars = toBars([event(["a", null, ""]), count([5, 20, 10])], [event(["a", null, ""]), count([1, null, 5])], 2);
  assert.deepEqual(bars, [
    { label: "(none)", key: [null], value: 20, share: 1, part: 20 / 35, before: null },
    { label: "(empty)", key: [""], value: 10, share: 0.5, part: 10 / 35, before: 5 },
  ]);
  assert.deepEqual(toBars([], undefined, 5), []);
});

test("a view's rows add up by one dimension", () => {
  const sums = sumBy([time([1, 2, 2]), event(["a", "a", "b"]), count([100, 2, 3])], "event", "count", 2);
  assert.deepEqual(sums.map((column) => column.values), [["a", "b"], [2, 3]]);
});
