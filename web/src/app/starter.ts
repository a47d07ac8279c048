// The panels that a new dashboard begins with: they fit any events.
import type { Panel, Query } from "../api/types";
import { topicOf } from "../data/question";
import { time_zone } from "../state/zone";

const panel = (title: string, kind: Panel["kind"], width: number, query: Query, refresh: string, compare = false): Panel => ({
  title, kind, width, compare, topic: topicOf({ ...query, time_zone }, refresh),
});

export const starter: Panel[] = [
  panel("Events today", "number", 1, { measures: ["count"], range: "today", compare: "previous" }, "5s", true),
  panel("People today", "number", 1, { measures: ["uniq(visitor)"], range: "today", compare: "previous" }, "5s", true),
  panel("People active in 5 minutes", "number", 1, { measures: ["uniq(visitor)"], range: "5m" }, "2s"),
  panel("People in 7 days", "number", 1, { measures: ["uniq(visitor)"], range: "7d", compare: "previous" }, "60s", true),
  panel("Events by kind, last 24 hours", "line", 3, { measures: ["count"], by: ["event"], range: "24h", every: "hour", limit: 10_000 }, "30s"),
  panel("Top events, last hour", "bars", 1, { measures: ["count"], by: ["event"], range: "1h", limit: 10 }, "5s"),
  { title: "Live", kind: "tail", width: 4, topic: "tail", compare: false },
];
