// Rows of a topic as columns: a snapshot, then deltas that insert or replace rows by their key (time and dimensions).
import type { Cell, Column } from "../api/types";

// Fields are words of their own; a measure is `count` or has the form word(…).
export function isMeasure(name: string): boolean {
  return name === "count" || /^(count|uniq|sum|mean|min|max|quantile|top)\(.*\)$/s.test(name);
}

export class LiveTable {
  readonly columns: Column[];
  private index: Map<string, number> | null = null;

  // Takes the columns over.
  constructor(columns: Column[]) {
    this.columns = columns;
  }

  get rows(): number {
    return this.columns.length === 0 ? 0 : this.columns[0].values.length;
  }

  column(name: string): Column | undefined {
    return this.columns.find((column) => column.name === name);
  }

  values(name: string): Cell[] {
    return this.column(name)?.values ?? [];
  }

  // Columns that the delta doesn't have keep their values; new rows get null there.
  merge(delta: Column[]): void {
    const key_columns = this.columns.filter((column) => !isMeasure(column.name));
    const sources = this.columns.map((column) => delta.find((other) => other.name === column.name)?.values);
    const key_sources = key_columns.map((column) => delta.find((other) => other.name === column.name)?.values);
    const index = (this.index ??= this.makeIndex(key_columns));
    const rows = delta.length === 0 ? 0 : delta[0].values.length;
    for (let row = 0; row < rows; row++) {
      const key = JSON.stringify(key_sources.map((values) => values?.[row] ?? null));
      const at = index.get(key);
      if (at === undefined) index.set(key, this.rows);
      const place = at ?? this.rows;
      for (let i = 0; i < this.columns.length; i++) {
        const value = sources[i]?.[row];
        if (value !== undefined) this.columns[i].values[place] = value;
        else if (at === undefined) this.columns[i].values[place] = null;
      }
    }
  }

  // Buckets that begin before `time` are gone.
  removeBefore(time: number): void {
    const times = this.columns.find((column) => column.type === "time")?.values as number[] | undefined;
    if (!times || !times.some((one) => one < time)) return;
    const keep = times.map((one) => one >= time);
    for (const column of this.columns) column.values = column.values.filter((_, row) => keep[row]);
    this.index = null;
  }

  private makeIndex(key_columns: Column[]): Map<string, number> {
    const index = new Map<string, number>();
    for (let row = 0; row < this.rows; row++) {
      index.set(JSON.stringify(key_columns.map((column) => column.values[row])), row);
    }
    return index;
  }
}

// Whether an answer has no event in it: no rows, or nothing but gaps and counts of zero. (A sum of zero may be of many events.)
export function isBlank(columns: Column[]): boolean {
  const counts = (name: string) => name === "count" || name.startsWith("uniq(");
  return columns
    .filter((column) => isMeasure(column.name))
    .every((column) => column.values.every((value) => value === null || (value === 0 && counts(column.name))));
}
