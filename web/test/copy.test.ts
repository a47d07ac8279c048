import assert from "node:assert/strict";
import { test } from "node:test";
import type { Column } from "../src/api/types";
import { csv, curl } from "../src/data/copy";

const names = (values: (string | null)[]): Column => ({ name: "event", type: "string", values });

test("cells that spreadsheets would run become text", () => {
  const text = csv([names(["=cmd()", "+1", "-1", "@a", "\tb", "ok", null]), { name: "count", type: "integer", values: [-5, 1, 2, 3, 4, 5, 6] }]);
  assert.deepEqual(text.split("\r\n"), ["event,count", "'=cmd(),-5", "'+1,1", "'-1,2", "'@a,3", "'\tb,4", "ok,5", ",6", ""]);
});

test("a formula behind a quote stays inside its cell", () => {
  assert.equal(csv([names(['=1,"x"\n'])]), 'event\r\n"\'=1,""x""\n"\r\n');
});

test("a field's name is a cell too", () => {
  assert.ok(csv([{ name: "=evil", type: "string", values: [] }]).startsWith("'=evil"));
});

test("times are written as such, and the period before beside", () => {
  const columns: Column[] = [{ name: "time", type: "time", values: [0] }, { name: "count", type: "integer", values: [1] }];
  assert.equal(csv(columns, columns), "time,count,previous count\r\n1970-01-01T00:00:00.000Z,1,1\r\n");
});

test("a command can't break out of its quotes", () => {
  const text = curl("http://x:1", { measures: ["count"], range: "1h", where: ["=", "event", "a'; rm -rf ~ #"] });
  assert.ok(text.includes(`"a'\\''; rm -rf ~ #"`), text);
  assert.ok(text.startsWith(`curl -s 'http://x:1/v1/query' -H "Authorization: Bearer $MILLRACE_KEY"`));
});
