import type { Cell, Column } from "../api/types";
import { tone } from "../charts/bars";
import { bucket, change, cut, number } from "../data/format";
import { isMeasure } from "../data/table";
import { fieldText, measureText } from "../data/title";

interface TableProps {
  columns: Column[];
  previous?: Column[];
  every?: string;
  rows_max: number;
}

// Columns as they come; measures right-aligned, beside each its change when there is a period before.
export function Table({ columns, previous, every, rows_max }: TableProps) {
  const rows = columns.length === 0 ? 0 : columns[0].values.length;
  const shown = Math.min(rows, rows_max);
  const before = (column: Column) => (isMeasure(column.name) ? previous?.find((one) => one.name === column.name) : undefined);
  return (
    <>
      <div class="table-holder" tabIndex={0} role="region" aria-label="Table">
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.name} scope="col" class={isMeasure(column.name) ? "numeric" : ""}>
                  <bdi>{isMeasure(column.name) ? measureText(column.name) : column.type === "time" ? "Time" : fieldText(column.name)}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: shown }, (_, row) => (
              <tr key={row}>
                {columns.map((column) => (
                  <td key={column.name} class={isMeasure(column.name) ? "numeric" : ""}>
                    {shownCell(column, column.values[row], every)}
                    {before(column) && <Changed now={column.values[row]} before={before(column)!.values[row]} />}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows > shown && <p class="panel-foot">The first {number(shown)} of {number(rows)} rows; CSV has all of them.</p>}
    </>
  );
}

function Changed({ now, before }: { now: Cell; before: Cell }) {
  const changed = change(now as number | null, before as number | null);
  return <span class={`change ${tone(changed?.sign ?? 0)}`}>{changed?.text ?? ""}</span>;
}

function shownCell(column: Column, value: Cell, every: string | undefined) {
  if (value === null || value === undefined) return <span class="none">none</span>;
  if (column.type === "time") return bucket(value as number, every);
  if (typeof value === "number") return number(value);
  if (Array.isArray(value)) return <bdi>{cut(value.map(([name, count]) => `${String(name)} ${count}`).join(", "), 200)}</bdi>;
  const text = String(value);
  return <bdi title={text.length > 80 ? cut(text, 300) : undefined}>{cut(text, 80)}</bdi>;
}
