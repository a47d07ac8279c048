// Lines over time, drawn by uPlot. The values of a series are handed over as they are.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { bucket, number, short } from "../data/format";
import type { Line, Series } from "../data/series";
import { onThemeChange } from "../state/theme";
import { palette } from "./palette";
import { tooltip } from "./tooltip";

export interface ChartProps {
  series: Series;
  filled?: boolean;
  height: number;
  every?: string;
  window?: [number, number]; // ms: what the time axis shows; else the series
  open?: boolean; // the last bucket is not over yet: the way to it is dashed
  format?: (value: number | null) => string;
  name: string; // for those who don't see it
}

export function Chart({ series, filled, height, every, window: span, open, format, name }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef({ series, span, every, open, format });
  shown.current = { series, span, every, open, format };
  const shape = series.lines.map((line) => `${line.name}\u0000${line.previous ? 1 : 0}`).join("\u0001");

  useEffect(() => {
    const make = () => {
      plot.current?.destroy();
      const width = holder.current!.clientWidth || 300;
      const { series } = shown.current; // not that of the first time: the colours may change much later
      plot.current = new uPlot(options(series, Boolean(filled), width, height, () => shown.current), dataOf(series), holder.current!);
    };
    make();
    const resized = new ResizeObserver(() => {
      const width = holder.current?.clientWidth ?? 0;
      if (width > 0 && plot.current && plot.current.width !== width) plot.current.setSize({ width, height });
    });
    resized.observe(holder.current!);
    const unwatch = onThemeChange(() => requestAnimationFrame(make));
    return () => {
      unwatch();
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, filled, height]);

  useEffect(() => plot.current?.setData(dataOf(series)));

  return <div class="chart" role="img" aria-label={`${name}: ${spoken(series, format)}${open ? ", not over yet" : ""}`} ref={holder} />;
}

const dataOf = (series: Series) => [series.times, ...series.lines.map((line) => line.values)] as uPlot.AlignedData;

function spoken(series: Series, format: ChartProps["format"]): string {
  if (series.times.length === 0) return "no data";
  const last = series.lines.slice(0, 3).map((line) => `${line.name} ${(format ?? number)(line.values[line.values.length - 1] ?? null)}`);
  return `${series.times.length} points, the last: ${last.join(", ")}`;
}

const font = "11px Inter, system-ui, sans-serif";
const ruler = document.createElement("canvas").getContext("2d")!;

type Shown = () => Pick<ChartProps, "every" | "open" | "format"> & { span?: [number, number] };

function options(series: Series, filled: boolean, width: number, height: number, shown: Shown): uPlot.Options {
  const colours = palette();
  let next = 0;
  const lines = series.lines.map((line) => {
    const colour = line.previous ? colours.muted : colours.lines[next++ % colours.lines.length];
    const alone = filled && !line.previous && series.lines.filter((one) => !one.previous).length === 1;
    return {
      label: line.name,
      stroke: colour,
      width: line.previous ? 1.25 : 1.75,
      dash: line.previous ? [4, 4] : undefined,
      fill: alone ? (self: uPlot) => gradient(self, colour) : undefined,
      points: { show: (self: uPlot) => self.data[0].length === 1, size: 5, fill: colour, width: 0 }, // one point alone is no line
      spanGaps: false,
      paths: (self: uPlot, i: number, from: number, until: number) =>
        whole(self, i, from, Math.min(until, self.data[0].length - (shown().open && !line.previous ? 2 : 1))),
    } as uPlot.Series;
  });
  return {
    width,
    height,
    ms: 1,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7, width: 2, stroke: (self, i) => self.series[i].stroke as string, fill: () => getComputedStyle(document.documentElement).getPropertyValue("--surface") },
    },
    scales: {
      x: { time: true, range: (_, min, max) => shown().span ?? (min === max ? [min - 1000, max + 1000] : [min, max]) },
      y: { range: (_, min, max) => rangeOf(min, max) },
    },
    axes: [
      { stroke: colours.text, font, grid: { show: false }, ticks: { show: false }, gap: 6, size: 28, space: 64, values: timeLabels },
      {
        stroke: colours.text,
        font,
        grid: { stroke: colours.grid, width: 1 },
        ticks: { show: false },
        gap: 6,
        size: (_, values) => axisWidth(values ?? []),
        space: 36,
        values: (_, splits) => splits.map((split) => (split === 0 ? "0" : short(split))),
      },
    ],
    series: [{}, ...lines],
    plugins: [
      tooltip(series.lines, (time) => bucket(time, shown().every), (value) => (shown().format ?? number)(value)),
      openEnd(series.lines, () => Boolean(shown().open)),
    ],
  };
}

const whole = uPlot.paths.linear!();

// The way to a last bucket that is not over yet, dashed.
function openEnd(lines: Line[], open: () => boolean): uPlot.Plugin {
  return {
    hooks: {
      drawSeries: (self, i) => {
        const last = self.data[0].length - 1;
        const [before, now] = [self.data[i][last - 1], self.data[i][last]];
        if (!open() || lines[i - 1].previous || typeof before !== "number" || typeof now !== "number") return;
        const { ctx } = self;
        ctx.save();
        ctx.lineWidth = 1.75 * devicePixelRatio;
        ctx.strokeStyle = self.series[i].stroke as string;
        ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(self.valToPos(self.data[0][last - 1], "x", true), self.valToPos(before, "y", true));
        ctx.lineTo(self.valToPos(self.data[0][last], "x", true), self.valToPos(now, "y", true));
        ctx.stroke();
        ctx.restore();
      },
    },
  };
}

function rangeOf(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  return low === high ? [0, 1] : [low < 0 ? low * 1.08 : 0, high * 1.12];
}

// Measured beside the chart: uPlot remembers which font its own canvas has, in the screen's pixels.
function axisWidth(values: string[]): number {
  const longest = values.reduce((long, value) => (value && value.length > long.length ? value : long), "");
  if (longest === "") return 36;
  ruler.font = font;
  return Math.max(30, Math.ceil(ruler.measureText(longest).width) + 16);
}

function gradient(self: uPlot, colour: string): CanvasGradient | string {
  const { top, height } = self.bbox;
  if (!Number.isFinite(top) || !Number.isFinite(height) || height <= 0) return "transparent";
  const filling = self.ctx.createLinearGradient(0, top, 0, top + height);
  filling.addColorStop(0, `${colour}3d`);
  filling.addColorStop(1, `${colour}05`);
  return filling;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// What stands under the time axis: as much as tells two ticks apart, and the day where it changes.
function timeLabels(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  const two = (value: number) => String(value).padStart(2, "0");
  return splits.map((split) => {
    const date = new Date(split);
    if (step >= 2_400_000_000) return date.getMonth() === 0 || step >= 25_000_000_000 ? String(date.getFullYear()) : months[date.getMonth()];
    const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    if (step >= 86_400_000 || midnight) return `${date.getDate()} ${months[date.getMonth()]}`;
    const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
    return step < 60_000 ? `${minutes}:${two(date.getSeconds())}` : minutes;
  });
}
