import type { Series } from "../data/series";
import { cut } from "../data/format";

// Which colour is what. The colours are the style sheet's, in the order in which the chart takes them.
export function Legend({ series }: { series: Series }) {
  let next = 0;
  const first_before = series.lines.find((line) => line.previous);
  return (
    <ul class="legend">
      {series.lines.filter((line) => !line.previous || line === first_before).map((line) => (
        <li key={`${line.name}${line.previous ? "-" : ""}`} class={line.previous ? "swatch-previous" : `swatch-${(next++ % 8) + 1}`} title={cut(line.name, 300)}>
          <bdi>{line.previous && line.name !== "Yesterday" ? "Before" : cut(line.name, 60)}</bdi>
        </li>
      ))}
      {series.left_out > 0 && <li class="legend-more">and {series.left_out} more</li>}
    </ul>
  );
}
