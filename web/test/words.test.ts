import assert from "node:assert/strict";
import { test } from "node:test";
import type { Column, Health, StoredEvent } from "../src/api/types";
import { bytes, change, cut, duration, headAndEnd, number, short, visible, visibleJson } from "../src/data/format";
import { acceptedRate, agreement, amplification, audit } from "../src/data/health";
import { label } from "../src/data/series";
import { triedAgain } from "../src/data/problem";
import { addEvents, summary, tail_events_max } from "../src/data/tail";

test("numbers are as exact as they can be read", () => {
  assert.deepEqual([0, 1234567, 12.3456, 0.00123456, -5.5, 123456.7].map(number), ["0", "1,234,567", "12.35", "0.0012", "-5.5", "123,457"]);
  assert.deepEqual([999, 1234, 1_250_000].map(short), ["999", "1.2K", "1.3M"]);
  assert.equal(number(null), "–");
  assert.equal(number(Number.NaN), "–");
  assert.deepEqual([0, 999, 1500, 123_456_789].map(bytes), ["0 B", "999 B", "1.5 KB", "123 MB"]);
  assert.deepEqual([5, 1500, 61_000, 200_000, 7_200_000, 200_000_000].map(duration), ["5 ms", "1.5 s", "61 s", "3 min", "2 h", "2 d"]);
});

test("changes are told when there is something to compare with", () => {
  assert.deepEqual(change(112, 100), { text: "+12%", sign: 1 });
  assert.deepEqual(change(96.6, 100), { text: "−3.4%", sign: -1 });
  assert.deepEqual(change(100, 100), { text: "±0.0%", sign: 0 });
  assert.deepEqual(change(5000, 100), { text: "×50", sign: 1 });
  assert.equal(change(5, 0), null);
  assert.equal(change(5, null), null);
  assert.equal(cut("x".repeat(20), 5), "xxxx…");
});

const event = (place: number, received = "2026-01-01T00:00:00Z"): StoredEvent => ({ event: "e", time: received, received, place: `1/0:${place}`, properties: {} });

test("events are shown once, newest first, and not for ever", () => {
  let kept = addEvents([], [event(1), event(2)]);
  kept = addEvents(kept, [event(2), event(3)]);
  assert.deepEqual(kept.map((one) => one.place), ["1/0:3", "1/0:2", "1/0:1"]);
  assert.ok(addEvents(kept, [event(3)]) === kept, "nothing new is no change");
  assert.equal(addEvents([], Array.from({ length: 600 }, (_, i) => event(i))).length, tail_events_max);
});

test("events that came before are put where they belong", () => {
  const at = (place: number) => event(place, `2026-01-01T00:00:0${place}Z`);
  const kept = addEvents(addEvents([], [at(5), at(6)]), [at(3), at(5), at(4)]);
  assert.deepEqual(kept.map((one) => one.place), ["1/0:6", "1/0:5", "1/0:4", "1/0:3"]);
});

test("views and store are compared by whole minutes", () => {
  const minute = 60_000;
  const column = (name: string, values: number[]): Column => ({ name, type: name === "time" ? "time" : "integer", values });
  const view = [column("time", [0, 0, minute, 2 * minute]), column("count", [1, 2, 5, 9])];
  const store = (counts: number[]) => [column("time", [-minute, 0, minute, 2 * minute]), column("count", counts)];
  assert.deepEqual(agreement(view, store([7, 3, 5, 4]), 2 * minute + 10_000), { minutes: 2, agree: 2 });
  assert.deepEqual(agreement(view, store([7, 3, 6, 4]), 2 * minute + 10_000), { minutes: 2, agree: 1 });
});

test("properties fit on a line however long they are", () => {
  const pairs = summary({ a: "x".repeat(10_000), b: { c: [1] }, ["n".repeat(500)]: 1, d: 1 });
  assert.ok(pairs.length === 1 && pairs[0][1].length === 200);
  assert.deepEqual(summary({ b: { c: [1] }, d: null }), [["b", '{"c":[1]}'], ["d", "null"]]);
});

const health = (accepted: number, stored: number): Health => ({
  version: "1", ready: true, reason: null, generation: 1,
  partitions: [],
  audit: { accepted, stored, repeats: 3, failed: 2, lost: 0, views: null, holds: true },
  store: { open: true, reason: null }, engine: null, failed_events_total: 0, server_resident_bytes: 1,
  written: { accepted_bytes: 1000, log_bytes: 1100, insert_bytes: 500, snapshot_bytes: 50, engine_bytes: 2000 },
});

test("the rate is that of the samples, and unknown across a restart", () => {
  assert.equal(acceptedRate([{ health: health(100, 0), at: 0 }, { health: health(350, 0), at: 5000 }]), 50);
  assert.equal(acceptedRate([{ health: health(100, 0), at: 0 }, { health: health(50, 0), at: 5000 }]), null);
  assert.equal(acceptedRate([{ health: health(100, 0), at: 0 }]), null);
});

test("what is not stored yet is on the way", () => {
  assert.equal(audit(health(100, 90)).waiting, 5);
  assert.equal(audit(health(100, 95)).waiting, 0);
  assert.deepEqual(amplification(health(1, 1)).map((layer) => layer.times), [1.1, 0.05, 2]);
});

test("what was too much or too busy is said to be tried again, what is wrong is not", () => {
  const problem = (status: number) => triedAgain({ title: "No", status, detail: "The store was too busy" }).detail;
  assert.equal(problem(422), "The store was too busy. It is tried again by itself.");
  assert.equal(problem(400), "The store was too busy");
});

test("no name is unseen, and none turns its neighbours round", () => {
  assert.equal(visible("signup"), "signup");
  assert.equal(visible("price\u202edrawkcab"), "price‹U+202E›drawkcab");
  assert.equal(visible("\u200b\u2060"), "‹U+200B›‹U+2060›");
  assert.equal(visible("  "), "‹U+0020›‹U+0020›");
  assert.equal(visible("\u3164"), "‹U+3164›");
  assert.equal(visible("a\u0001\n\tb\ud800"), "a‹U+0001›↵⇥b‹U+D800›");
  assert.equal(visible("👩‍💻 می‌خواهم שלום"), "👩‍💻 می‌خواهم שלום", "what people write stays as it is");
  assert.equal(cut("\u202e".repeat(9), 3), "‹U+202E›‹U+202E›…");
  assert.equal(cut("ab👩", 4), "ab👩");
  assert.equal(cut("ab👩cd", 4), "ab…", "no half of a character");
  assert.equal(label("\u200b"), "‹U+200B›");
  assert.equal(label(""), "(empty)");
  const odd = { name: "a\u202eb\n\u{e0041}" };
  const json = visibleJson(JSON.stringify(odd, null, 2));
  assert.ok(json.includes("\\u202e") && json.includes("\\udb40\\udc41"));
  assert.deepEqual(JSON.parse(json), odd);
});

test("a long name keeps an end that does not begin within a number", () => {
  assert.deepEqual(headAndEnd("/docs/start"), ["/docs/start", ""]);
  assert.deepEqual(headAndEnd("/api/workspaces/4711/export"), ["/api/workspaces/4711/", "export"]);
  assert.deepEqual(headAndEnd("workspace-member-00123456"), ["workspace-member-", "00123456"]);
  assert.deepEqual(headAndEnd("a name of several words is cut at its end"), ["a name of several words is cut at its end", ""]);
});
