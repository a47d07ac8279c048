import type { Bar } from "../data/top";
import { change, cut, headAndEnd, number, short } from "../data/format";

interface BarsProps {
  bars: Bar[];
  compare?: boolean;
  partial?: boolean; // there are more rows than these: no shares of the whole
  link?: (bar: Bar) => string | null; // where a row leads
  format?: (value: number) => string;
}

// Rows with a bar behind their names, largest first.
export function Bars({ bars, compare, partial, link, format }: BarsProps) {
  return (
    <ol class="bars">
      {bars.map((bar) => {
        const target = link?.(bar) ?? null;
        const changed = compare ? change(bar.value, bar.before) : null;
        const content = (
          <>
            <span class="bar-fill" style={{ width: `${bar.share * 100}%` }} aria-hidden="true" />
            <Name label={bar.label} />
            <span class={`change ${tone(changed?.sign ?? 0)}`}>{changed?.text ?? ""}</span>
            <span class="bar-share">{bar.part === null || partial ? "" : `${Math.round(bar.part * 100)}%`}</span>
            <span class="bar-value" title={number(bar.value)}>{(format ?? short)(bar.value)}</span>
          </>
        );
        return (
          <li key={JSON.stringify(bar.key)}>
            {target ? <a data-in href={target} class="bar">{content}</a> : <div class="bar">{content}</div>}
          </li>
        );
      })}
    </ol>
  );
}

function Name({ label }: { label: string }) {
  const [head, end] = headAndEnd(cut(label, 120));
  return (
    <bdi class="bar-name" title={cut(label, 300)}>
      <span>{head}</span>
      {end !== "" && <span>{end}</span>}
    </bdi>
  );
}

export const tone = (sign: number) => (sign > 0 ? "up" : sign < 0 ? "down" : "same");
