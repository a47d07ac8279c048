// An answer, drawn in the way that was chosen.
import type { Column, PanelKind } from "../api/types";
import { Bars, tone } from "../charts/bars";
import { Chart } from "../charts/chart";
import { Legend } from "../charts/legend";
import { bucket, change, number, short } from "../data/format";
import { underWay } from "../data/question";
import { toSeries, withPrevious } from "../data/series";
import { isMeasure } from "../data/table";
import { measureText } from "../data/title";
import { toBars } from "../data/top";
import { Table } from "./table";

interface AnswerProps {
  kind: PanelKind;
  columns: Column[];
  previous?: Column[];
  every?: string;
  height: number;
  compare?: boolean;
  partial?: boolean; // cut: not all rows are there
  now: number; // ms, when it was answered
}

export function AnswerView({ kind, columns, previous, every, height, compare, partial, now }: AnswerProps) {
  const timed = columns.some((column) => column.type === "time");
  if ((kind === "line" || kind === "area") && timed) {
    const broken_down = columns.some((column) => column.type !== "time" && !isMeasure(column.name));
    const plain = toSeries(columns);
    const series = broken_down || !compare ? plain : withPrevious(plain, previous);
    if (!broken_down) series.lines = series.lines.map((line) => ({ ...line, name: measureText(line.name) }));
    const open = underWay(series.times, every, now);
    return (
      <>
        {(series.lines.length > 1 || broken_down) && <Legend series={series} />}
        <Chart name="Answer" series={series} filled={kind === "area"} height={height - (series.lines.length > 1 ? 28 : 0)} every={every} open={open} format={number} />
        {open && <p class="panel-foot">The newest bucket, dashed, is not over yet.</p>}
      </>
    );
  }
  if (kind === "number") return <Numbers columns={columns} previous={previous} compare={compare} />;
  if (kind === "bars" && !timed) return <Bars bars={toBars(columns, previous, 50)} compare={compare} partial={partial} />;
  if (kind === "bars") {
    const times = columns.find((column) => column.type === "time")!;
    const named = columns.map((column) =>
      column === times ? { ...column, type: "string" as const, values: times.values.map((time) => bucket(time as number, every)) } : column,
    );
    return <Bars bars={toBars(named, previous, 50)} compare={compare} />;
  }
  return <Table columns={columns} previous={compare ? previous : undefined} every={every} rows_max={200} />;
}

function Numbers({ columns, previous, compare }: Pick<AnswerProps, "columns" | "previous" | "compare">) {
  const measures = columns.filter((column) => isMeasure(column.name));
  return (
    <div class="numbers">
      {measures.map((column) => {
        const value = column.values[column.values.length - 1] as number | null;
        const old = previous?.find((one) => one.name === column.name)?.values;
        const changed = compare && old ? change(value, old[old.length - 1] as number | null) : null;
        return (
          <div key={column.name}>
            <span class="stat-value" title={number(value)}>{Math.abs(value ?? 0) >= 1e6 ? short(value) : number(value)}</span>
            <span class="stat-note">
              {(measures.length > 1 || !changed) && <bdi>{measureText(column.name)} </bdi>}
              {changed && <><span class={`change ${tone(changed.sign)}`}>{changed.text}</span> on the period before</>}
            </span>
          </div>
        );
      })}
    </div>
  );
}
