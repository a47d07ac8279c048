import assert from "node:assert/strict";
import { test } from "node:test";
import type { Column } from "../src/api/types";
import { isBlank, isMeasure, LiveTable } from "../src/data/table";

const columns = (times: number[], events: (string | null)[], counts: number[]): Column[] => [
  { name: "time", type: "time", unit: "ms", values: times },
  { name: "event", type: "string", values: events },
  { name: "count", type: "integer", values: counts },
];
const rows = (table: LiveTable) => table.values("time").map((time, i) => [time, table.values("event")[i], table.values("count")[i]]);

test("a delta replaces rows by time and dimensions and adds the others", () => {
  const table = new LiveTable(columns([1000, 1000, 2000], ["a", null, "a"], [1, 2, 3]));
  table.merge(columns([2000, 2000, 1000], ["a", "b", null], [30, 40, 20]));
  assert.deepEqual(rows(table), [[1000, "a", 1], [1000, null, 20], [2000, "a", 30], [2000, "b", 40]]);
  table.merge(columns([3000], ["a"], [5]));
  assert.equal(table.rows, 5);
  assert.deepEqual(rows(table)[4], [3000, "a", 5]);
});

test("the same delta twice changes nothing more", () => {
  const table = new LiveTable(columns([1000], ["a"], [1]));
  const delta = () => columns([1000, 2000], ["a", "a"], [7, 8]);
  table.merge(delta());
  table.merge(delta());
  assert.deepEqual(rows(table), [[1000, "a", 7], [2000, "a", 8]]);
});

test("a delta finds its columns by name, and keeps what it doesn't bring", () => {
  const table = new LiveTable([...columns([1000], ["a"], [1]), { name: "uniq(visitor)", type: "integer", values: [9] }]);
  const [time, event, count] = columns([1000, 2000], ["a", "b"], [2, 3]);
  table.merge([count, event, time]);
  assert.deepEqual(rows(table), [[1000, "a", 2], [2000, "b", 3]]);
  assert.deepEqual(table.values("uniq(visitor)"), [9, null]);
});

test("old buckets go, and rows are found again afterwards", () => {
  const table = new LiveTable(columns([1000, 2000, 3000], ["a", "a", "a"], [1, 2, 3]));
  table.merge(columns([1000], ["a"], [10]));
  table.removeBefore(2000);
  assert.deepEqual(rows(table), [[2000, "a", 2], [3000, "a", 3]]);
  table.merge(columns([3000, 4000], ["a", "a"], [33, 44]));
  assert.deepEqual(rows(table), [[2000, "a", 2], [3000, "a", 33], [4000, "a", 44]]);
});

test("dimensions whose values look alike stay apart", () => {
  const two = (a: string[], b: string[], counts: number[]): Column[] => [
    { name: "properties.a", type: "string", values: a },
    { name: "properties.b", type: "string", values: b },
    { name: "count", type: "integer", values: counts },
  ];
  const table = new LiveTable(two(["x,y"], ["z"], [1]));
  table.merge(two(["x"], ["y,z"], [2]));
  assert.equal(table.rows, 2);
});

test("measures are told from fields by their names", () => {
  for (const name of ["count", "uniq(user_id)", "quantile(0.95, properties.a)", 'sum(properties."a(b)")', "top(10, event)"]) assert.ok(isMeasure(name), name);
  for (const name of ["event", "time", "properties.count", "properties.sum(x", "context.uniq(x)"]) assert.ok(!isMeasure(name), name);
});

test("an answer of nothing but zeros is blank", () => {
  assert.ok(isBlank([]) && isBlank(columns([], [], [])) && isBlank(columns([1, 2], ["a", "b"], [0, 0])));
  assert.ok(!isBlank(columns([1, 2], ["a", "b"], [0, 1])));
  assert.ok(!isBlank([{ name: "sum(properties.a)", type: "number", values: [0] }]));
});
