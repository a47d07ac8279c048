// From the columns of an answer to what a chart draws: times and lines of equal length.
import type { Cell, Column } from "../api/types";
import { visible } from "./format";
import { isMeasure } from "./table";

export interface Line {
  name: string;
  values: (number | null)[];
  previous?: boolean; // of the period before
}
export interface Series {
  times: number[]; // ms, ascending
  lines: Line[];
  left_out: number; // groups that are not among the lines
}

const numbers = (values: Cell[]) => values as (number | null)[];

// An answer by time alone is drawn as it is: its columns are the lines. With dimensions there is one line for each group
// of the first measure, the `lines_max` largest ones.
export function toSeries(columns: Column[], lines_max = 8): Series {
  const time = columns.find((column) => column.type === "time");
  const measures = columns.filter((column) => isMeasure(column.name) && column.type !== "list");
  const dimensions = columns.filter((column) => column !== time && !isMeasure(column.name));
  if (!time || measures.length === 0) return { times: [], lines: [], left_out: 0 };
  const times = numbers(time.values) as number[];
  if (dimensions.length === 0) {
    return { times, lines: measures.map((column) => ({ name: column.name, values: numbers(column.values) })), left_out: 0 };
  }
  return pivot(times, dimensions, measures[0], lines_max);
}

function pivot(row_times: number[], dimensions: Column[], measure: Column, lines_max: number): Series {
  const times = [...new Set(row_times)].sort((a, b) => a - b);
  const place = new Map(times.map((time, i) => [time, i]));
  const groups = new Map<string, { total: number; values: (number | null)[] }>();
  const adds_up = measure.name === "count" || measure.name.startsWith("sum(");
  for (let row = 0; row < row_times.length; row++) {
    const name = dimensions.map((column) => label(column.values[row])).join(" · ");
    let group = groups.get(name);
    if (!group) {
      group = { total: 0, values: new Array<number | null>(times.length).fill(adds_up ? 0 : null) };
      groups.set(name, group);
    }
    const value = measure.values[row] as number | null;
    group.values[place.get(row_times[row])!] = value;
    group.total += Math.abs(value ?? 0);
  }
  const largest = [...groups].sort((a, b) => b[1].total - a[1].total || (a[0] < b[0] ? -1 : 1));
  return {
    times,
    lines: largest.slice(0, lines_max).map(([name, group]) => ({ name, values: group.values })),
    left_out: Math.max(0, largest.length - lines_max),
  };
}

// The period before, row by row under the present one (compare: "previous").
export function withPrevious(series: Series, previous: Column[] | undefined): Series {
  if (!previous || series.lines.length === 0) return series;
  const lines = previous
    .filter((column) => isMeasure(column.name) && column.values.length === series.times.length)
    .map((column) => ({ name: column.name, values: numbers(column.values), previous: true }));
  return { ...series, lines: [...series.lines, ...lines] };
}

export function label(value: Cell): string {
  return value === null ? "(none)" : value === "" ? "(empty)" : visible(String(value));
}

// Sum of a measure for each bucket from `from` (included) to `until` (not), buckets without rows as 0.
export function sumByTime(times: number[], values: (number | null)[], from: number, until: number, step: number): Series {
  const count = Math.max(0, Math.round((until - from) / step));
  const sums = new Array<number>(count).fill(0);
  for (let row = 0; row < times.length; row++) {
    const at = Math.round((times[row] - from) / step);
    if (at >= 0 && at < count) sums[at] += values[row] ?? 0;
  }
  return { times: sums.map((_, i) => from + i * step), lines: [{ name: "count", values: sums }], left_out: 0 };
}

// Two days, one over the other: `before` is moved forward by `shift` and cut where `day` has buckets to come.
export function overlay(day: Series, before: Series, shift: number): Series {
  const times = [...new Set([...day.times, ...before.times.map((time) => time + shift)])].sort((a, b) => a - b);
  const at = (series: Series, move: number) => {
    const values = new Map(series.times.map((time, i) => [time + move, series.lines[0]?.values[i] ?? null]));
    return times.map((time) => values.get(time) ?? null);
  };
  return {
    times,
    lines: [
      { name: "Today", values: at(day, 0) },
      { name: "Yesterday", values: at(before, shift), previous: true },
    ],
    left_out: 0,
  };
}
