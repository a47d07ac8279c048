// Rows of an answer, largest first, as bars.
import type { Column } from "../api/types";
import { isMeasure } from "./table";
import { label } from "./series";

export interface Bar {
  label: string;
  key: (string | number | boolean | null)[]; // values of the dimensions
  value: number;
  share: number; // of the largest, 0 to 1
  part: number | null; // of all rows together, where that means something
  before: number | null; // in the previous period
}

// `measure`: name of a column; the first measure when left out.
export function toBars(columns: Column[], previous: Column[] | undefined, bars_max: number, measure?: string): Bar[] {
  const value = columns.find((column) => (measure ? column.name === measure : isMeasure(column.name)));
  if (!value) return [];
  const dimensions = columns.filter((column) => column.type !== "time" && !isMeasure(column.name));
  const before = previous?.find((column) => column.name === value.name)?.values;
  const bars = value.values.map((number, row): Bar => {
    const key = dimensions.map((column) => column.values[row] as Bar["key"][number]);
    return {
      label: key.length === 0 ? value.name : key.map(label).join(" · "),
      key,
      value: (number as number | null) ?? 0,
      share: 0,
      part: null,
      before: (before?.[row] as number | null | undefined) ?? null,
    };
  });
  bars.sort((a, b) => b.value - a.value);
  const largest = Math.max(...bars.map((bar) => Math.abs(bar.value)), 0);
  const sum = value.name === "count" || value.name.startsWith("sum(") ? bars.reduce((total, bar) => total + bar.value, 0) : 0;
  for (const bar of bars) {
    bar.share = largest === 0 ? 0 : Math.abs(bar.value) / largest;
    bar.part = sum > 0 ? bar.value / sum : null;
  }
  return bars.slice(0, bars_max);
}

// Sum of a measure by a dimension, over all times, of the rows that are not older than `from`.
export function sumBy(columns: Column[], dimension: string, measure: string, from: number): Column[] {
  const names = columns.find((column) => column.name === dimension)?.values ?? [];
  const values = columns.find((column) => column.name === measure)?.values ?? [];
  const times = columns.find((column) => column.type === "time")?.values ?? [];
  const sums = new Map<string | null, number>();
  for (let row = 0; row < names.length; row++) {
    if ((times[row] as number) < from) continue;
    const name = names[row] as string | null;
    sums.set(name, (sums.get(name) ?? 0) + ((values[row] as number | null) ?? 0));
  }
  return [
    { name: dimension, type: "string", values: [...sums.keys()] },
    { name: measure, type: "integer", values: [...sums.values()] },
  ];
}
