// A question as people put it together in Explore, and what is asked of the server for it.
import type { Filter, PanelKind, Query, Value } from "../api/types";

export const operators = ["=", "!=", ">", ">=", "<", "<=", "contains", "prefix", "in", "exists", "not exists"] as const;
export type Operator = (typeof operators)[number];

export interface Condition {
  field: string;
  operator: Operator;
  value: string; // as it was typed
}

export interface Question {
  measures: string[];
  by: string[];
  where: Condition[];
  range: string; // a word such as 24h, or two ends joined by a comma
  every: string; // "auto", "none", or one of everys
  compare: boolean;
  chart: Exclude<PanelKind, "tail">;
}

export const everys = ["second", "minute", "5_minutes", "15_minutes", "hour", "day", "week", "month"];

export const first_question: Question = {
  measures: ["count"], by: [], where: [], range: "24h", every: "auto", compare: false, chart: "area",
};

const every_s: Record<string, number> = {
  second: 1, minute: 60, "5_minutes": 300, "15_minutes": 900, hour: 3600, day: 86_400, week: 604_800, month: 2_629_800,
};
const unit_s: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

// How long a range is, in seconds; null when it has no known length ("all").
export function rangeSeconds(range: string, now = Date.now()): number | null {
  const word = /^(\d+)([smhdw])$/.exec(range);
  if (word) return Number(word[1]) * unit_s[word[2]];
  const fixed: Record<string, number> = {
    today: 86_400, yesterday: 86_400, this_week: 604_800, last_week: 604_800, this_month: 2_678_400, last_month: 2_678_400,
  };
  if (range in fixed) return fixed[range];
  const ends = range.split(",");
  if (ends.length !== 2) return null;
  const time = (text: string) => (text.trim() === "now" ? now : Date.parse(text.trim()));
  const seconds = (time(ends[1]) - time(ends[0])) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

// The finest granularity that keeps a chart readable; fewer buckets when each is broken down.
export function autoEvery(range: string, broken_down: boolean, now = Date.now()): string {
  const seconds = rangeSeconds(range, now);
  if (seconds === null) return "month";
  const buckets_max = broken_down ? 75 : 400;
  return everys.find((every) => seconds / every_s[every] <= buckets_max) ?? "month";
}

// When the bucket that begins at `time` ends; days and longer ones are those of the browser's time zone.
export function bucketEnd(time: number, every: string): number {
  const date = new Date(time);
  if (every === "day") date.setDate(date.getDate() + 1);
  else if (every === "week") date.setDate(date.getDate() + 7);
  else if (every === "month") date.setMonth(date.getMonth() + 1);
  else return time + every_s[every] * 1000;
  return date.getTime();
}

// Whether the last bucket is not over yet: drawn like the others it would look like a fall.
export function underWay(times: number[], every: string | undefined, now: number): boolean {
  return times.length > 1 && every !== undefined && every in every_s && bucketEnd(times[times.length - 1], every) > now;
}

// Whether the chart has a time axis.
export const overTime = (question: Question) => question.chart === "line" || question.chart === "area" || question.every !== "auto";

export function everyOf(question: Question): string | undefined {
  const drawn = question.chart === "line" || question.chart === "area";
  if (question.every === "none") return drawn ? autoEvery(question.range, question.by.length > 0) : undefined;
  if (question.every !== "auto") return question.every;
  return drawn ? autoEvery(question.range, question.by.length > 0) : undefined;
}

// A value is what JSON takes it for, else text; in double quotes it is text.
export function valueOf(text: string): Value {
  const trimmed = text.trim();
  if (/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|".*")$/s.test(trimmed)) {
    try {
      return JSON.parse(trimmed) as Value;
    } catch {
      return trimmed;
    }
  }
  return trimmed;
}

// How a value must be typed so that valueOf() gives it again.
export function typed(value: Value): string {
  if (typeof value !== "string") return String(value);
  return valueOf(value) === value && value.trim() === value ? value : JSON.stringify(value);
}

function filterOf(condition: Condition): Filter {
  const { field, operator, value } = condition;
  if (operator === "exists") return ["exists", field];
  if (operator === "not exists") return ["not", ["exists", field]];
  if (operator === "in") return ["in", field, splitList(value).map(valueOf)];
  if (operator === "contains" || operator === "prefix") {
    const plain = valueOf(value);
    return [operator, field, typeof plain === "string" ? plain : value.trim()];
  }
  return [operator, field, valueOf(value)];
}

function splitList(text: string): string[] {
  const items = text.match(/\s*("(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)/g) ?? [];
  return items.map((item) => item.replace(/,\s*$/, "").trim()).filter((item) => item !== "");
}

export function whereOf(conditions: Condition[]): Filter | undefined {
  const good = conditions.filter((one) => one.field !== "" && (one.value.trim() !== "" || one.operator.endsWith("exists")));
  if (good.length === 0) return undefined;
  return good.length === 1 ? filterOf(good[0]) : ["and", ...good.map(filterOf)];
}

export function toQuery(question: Question, time_zone: string): Query {
  const every = everyOf(question);
  const where = whereOf(question.where);
  const ends = question.range.split(",").map((end) => end.trim());
  const query: Query = {
    measures: question.measures,
    range: ends.length === 2 ? [ends[0], ends[1]] : question.range,
    time_zone,
  };
  if (question.by.length > 0) query.by = question.by;
  if (where) query.where = where;
  if (every) query.every = every;
  if (question.compare && question.range !== "all") query.compare = "previous";
  if (question.by.length > 0) query.limit = every ? 10_000 : 500;
  return query;
}

// How often a question may be asked again: often for what changes fast, seldom for what costs much.
export function refreshOf(range: string): string {
  const seconds = rangeSeconds(range);
  if (seconds === null || seconds > 86_400 * 8) return "60s";
  return seconds <= 3600 ? "2s" : seconds <= 86_400 ? "10s" : "30s";
}

// The topic of GET /v1/live that answers a query and goes on answering.
export function topicOf(query: Query, refresh: string): string {
  return `query:${JSON.stringify(query)};refresh=${refresh}`;
}

export interface Topic {
  kind: "view" | "query" | "tail" | "health";
  query?: Query;
  refresh?: string;
  name?: string;
  filter?: Filter;
}

// The parts of a topic; null when it is none.
export function parseTopic(topic: string): Topic | null {
  if (topic === "health") return { kind: "health" };
  if (topic === "tail") return { kind: "tail" };
  try {
    if (topic.startsWith("tail:")) return { kind: "tail", filter: JSON.parse(topic.slice(5)) as Filter };
    if (topic.startsWith("view:")) return { kind: "view", name: topic.slice(5).split(";")[0] };
    const query = /^query:(\{.*\})(?:;refresh=(\w+))?$/s.exec(topic);
    return query ? { kind: "query", query: JSON.parse(query[1]) as Query, refresh: query[2] } : null;
  } catch {
    return null;
  }
}
