import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed, packTopics } from "../src/api/live";
import type { FrameData, SourceEvents } from "../src/api/live";

// A feed whose connections and clock are the test's.
function world() {
  const opened: { topics: string[]; lastId: string; on: SourceEvents; closed: boolean }[] = [];
  const waiting: { action: () => void; at: number }[] = [];
  let now = 1_000_000;
  const filled: string[] = [];
  const feed = new Feed(
    (topics, lastId, on) => {
      const source = { topics, lastId, on, closed: false };
      opened.push(source);
      return { close: () => void (source.closed = true) };
    },
    (topic) => {
      filled.push(topic);
      return Promise.resolve(null);
    },
    { now: () => now, later: (action, ms) => void waiting.push({ action, at: now + ms }) },
  );
  const pass = (ms: number) => {
    now += ms;
    for (let due = next(); due; due = next()) due.action();
  };
  const next = () => {
    const at = waiting.findIndex((one) => one.at <= now);
    return at < 0 ? undefined : waiting.splice(at, 1)[0];
  };
  return { feed, opened, filled, pass };
}

const counts = (topic: string, times: number[], values: number[], seq: number): FrameData => ({
  topic,
  seq,
  as_of: 5,
  columns: [{ name: "time", type: "time", values: times }, { name: "count", type: "integer", values }],
});

test("topics that are asked for together share a connection, and listeners hear their own", () => {
  const { feed, opened, pass } = world();
  const heard: string[] = [];
  feed.watch("view:a", () => heard.push("a"));
  feed.watch("view:b", () => heard.push("b"));
  pass(30);
  assert.equal(opened.length, 1);
  assert.deepEqual(opened[0].topics, ["view:a", "view:b"]);
  assert.equal(feed.status.phase, "connecting");
  opened[0].on.opened();
  assert.equal(feed.status.phase, "live");
  opened[0].on.frame("snapshot", counts("view:a", [1], [10], 1), "x1");
  opened[0].on.frame("delta", counts("view:a", [1, 2], [11, 1], 2), "x2");
  assert.deepEqual(heard, ["a", "a"]);
  assert.deepEqual(feed.state("view:a").table!.values("count"), [11, 1]);
  assert.equal(feed.state("view:b").table, null);
});

test("after an interruption it goes on behind the last frame, and keeps what it knew", () => {
  const { feed, opened, pass } = world();
  feed.watch("view:a", () => {});
  pass(30);
  opened[0].on.opened();
  opened[0].on.frame("snapshot", counts("view:a", [1], [10], 1), "id-1");
  opened[0].on.frame("delta", counts("view:a", [1], [11], 2), "id-2");
  opened[0].on.down(false);
  assert.equal(feed.status.phase, "down");
  assert.deepEqual(feed.state("view:a").table!.values("count"), [11]);
  pass(250);
  assert.equal(opened.length, 2);
  assert.equal(opened[1].lastId, "id-2");
  opened[0].on.frame("delta", counts("view:a", [1], [99], 3), "late");
  assert.deepEqual(feed.state("view:a").table!.values("count"), [11], "a connection that was given up is not listened to");
  opened[1].on.opened();
  opened[1].on.frame("delta", counts("view:a", [1, 2], [12, 1], 3), "id-3");
  assert.equal(feed.status.phase, "live");
  assert.deepEqual(feed.state("view:a").table!.values("count"), [12, 1]);
});

test("what came before is fetched at each connection, and once more when the store has it", () => {
  const { feed, opened, filled, pass } = world();
  feed.watch("tail", () => {});
  pass(30);
  opened[0].on.opened();
  pass(0);
  assert.deepEqual(filled, ["tail"]);
  pass(2500);
  assert.deepEqual(filled, ["tail", "tail"]);
});

test("it tries again less and less often, and as often as before once it was connected", () => {
  const { feed, opened, pass } = world();
  feed.watch("tail", () => {});
  pass(30);
  for (const wait of [250, 500, 1000, 2000, 4000, 4000]) {
    const before = opened.length;
    opened[before - 1].on.down(false);
    pass(wait - 1);
    assert.equal(opened.length, before);
    pass(1);
    assert.equal(opened.length, before + 1);
  }
  opened[opened.length - 1].on.opened();
  opened[opened.length - 1].on.down(false);
  const before = opened.length;
  pass(250);
  assert.equal(opened.length, before + 1);
});

test("when the session has ended it doesn't try again", () => {
  const { feed, opened, pass } = world();
  feed.watch("tail", () => {});
  pass(30);
  opened[0].on.down(true);
  assert.equal(feed.status.phase, "ended");
  pass(60_000);
  assert.equal(opened.length, 1);
});

test("a page that changes closes what nobody watches; one that nobody looks at closes all", () => {
  const { feed, opened, pass } = world();
  const leave = feed.watch("view:a", () => {});
  pass(30);
  leave();
  feed.watch("view:b", () => {});
  pass(30);
  assert.ok(opened[0].closed);
  assert.deepEqual(opened[1].topics, ["view:b"]);
  feed.pause(true);
  pass(30);
  assert.ok(opened[1].closed);
  assert.equal(feed.status.phase, "idle");
  feed.pause(false);
  pass(30);
  assert.deepEqual(opened[2].topics, ["view:b"]);
});

test("it closes at once before the session ends, and opens again when there is another", () => {
  const { feed, opened, filled, pass } = world();
  feed.watch("tail", () => {});
  pass(30);
  opened[0].on.opened();
  feed.close();
  assert.ok(opened[0].closed);
  opened[0].on.down(true);
  assert.equal(feed.status.phase, "idle", "what a closed connection says is not heard");
  pass(60_000);
  assert.deepEqual([opened.length, filled.length], [1, 0]);
  feed.pause(false);
  pass(30);
  assert.equal(opened.length, 2);
});

test("what stays watched stays connected", () => {
  const { feed, opened, pass } = world();
  const leave = feed.watch("view:a", () => {});
  pass(30);
  const second = feed.watch("view:a", () => {});
  leave();
  pass(30);
  assert.equal(opened.length, 1);
  assert.ok(!opened[0].closed);
  second();
  pass(30);
  assert.ok(opened[0].closed);
});

test("an error of a topic is told and forgotten with its next answer", () => {
  const { feed, opened, pass } = world();
  feed.watch("query:{}", () => {});
  pass(30);
  opened[0].on.frame("error", { topic: "query:{}", status: 400, title: "The query is wrong", detail: "by[0]" }, "");
  assert.equal(feed.state("query:{}").error!.detail, "by[0]");
  opened[0].on.frame("snapshot", counts("query:{}", [1], [1], 1), "");
  assert.equal(feed.state("query:{}").error, null);
});

test("addresses stay shorter than servers take", () => {
  const topics = Array.from({ length: 40 }, (_, i) => `query:{"measures":["count"],"n":${i},"where":["=","event","${"x".repeat(200)}"]}`);
  const packed = packTopics(topics);
  assert.deepEqual(packed.flat(), topics);
  for (const group of packed) assert.ok(group.map((topic) => encodeURIComponent(topic)).join("&topic=").length < 7000);
  assert.deepEqual(packTopics([]), []);
  assert.deepEqual(packTopics(Array.from({ length: 33 }, (_, i) => `view:${i}`)).map((group) => group.length), [32, 1]);
});
