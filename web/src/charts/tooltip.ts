// What lies under the cursor, in a small card beside it. Names come from outside and are set as text.
import type uPlot from "uplot";
import type { Line } from "../data/series";
import { cut } from "../data/format";

export function tooltip(lines: Line[], time: (at: number) => string, value: (value: number | null) => string): uPlot.Plugin {
  const card = document.createElement("div");
  card.className = "tooltip";
  card.hidden = true;

  function row(self: uPlot, line: Line, i: number, at: number): { node: HTMLElement; size: number } {
    const node = document.createElement("div");
    node.className = "tooltip-row";
    const dot = document.createElement("i");
    const colour = self.series[i + 1].stroke;
    dot.style.background = (typeof colour === "function" ? (colour as (self: uPlot, i: number) => string)(self, i + 1) : colour) as string;
    const name = document.createElement("bdi");
    name.textContent = cut(line.previous ? `${line.name === "Yesterday" ? "" : "before: "}${line.name}` : line.name, 40);
    const amount = document.createElement("b");
    const shown = (self.data[i + 1]?.[at] as number | null | undefined) ?? null;
    amount.textContent = value(shown);
    node.append(dot, name, amount);
    return { node, size: shown === null ? Number.NEGATIVE_INFINITY : shown };
  }

  return {
    hooks: {
      init: (self) => void self.over.append(card),
      setCursor: (self) => {
        const { idx, left } = self.cursor;
        if (idx === null || idx === undefined || left === undefined || left < 0 || lines.length === 0) {
          card.hidden = true;
          return;
        }
        const head = document.createElement("div");
        head.className = "tooltip-time";
        head.textContent = time(self.data[0][idx]);
        const rows = lines.map((line, i) => row(self, line, i, idx));
        if (lines.length > 2) rows.sort((a, b) => b.size - a.size);
        card.replaceChildren(head, ...rows.map((one) => one.node));
        card.hidden = false;
        const right = left > self.over.clientWidth / 2;
        card.style.left = right ? "auto" : `${left + 14}px`;
        card.style.right = right ? `${self.over.clientWidth - left + 14}px` : "auto";
      },
    },
  };
}
