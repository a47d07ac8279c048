import type { Bar } from "../data/top";
import { change, cut, number, short } from "../data/format";

interface BarsProps {
  bars: Bar[];
  compare?: boolean;
  partial?: boolean; // there are more rows than these: no shares of the whole
  link?: (bar: Bar) => string | null; // where a row leads
  format?: (value: number) => string;
}

// Rows with a bar behind them, largest first.
export function Bars({ bars, compare, partial, link, format }: BarsProps) {
  return (
    <ol class="bars">
      {bars.map((bar) => {
        const target = link?.(bar) ?? null;
        const changed = compare ? change(bar.value, bar.before) : null;
        const content = (
          <>
            <span class="bar-fill" style={{ width: `${bar.share * 100}%` }} aria-hidden="true" />
            <bdi class="bar-name" title={cut(bar.label, 300)}>{cut(bar.label, 120)}</bdi>
            {changed && <span class={`change ${tone(changed.sign)}`}>{changed.text}</span>}
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

export const tone = (sign: number) => (sign > 0 ? "up" : sign < 0 ? "down" : "same");
