import { Chart } from "../charts/chart";
import { number } from "../data/format";
import { sumByTime } from "../data/series";
import { useTopic } from "../state/live";
import { Empty, Frame, Stateful } from "./frame";
import { second_view } from "./stats";

const window_ms = 15 * 60_000;

// Events a second over the last quarter of an hour, as they come.
export function RatePanel({ height = 240 }: { height?: number }) {
  const state = useTopic(second_view);
  return (
    <Frame title="Events a second" note="last 15 minutes" class="wide">
      <Stateful state={state} lines={6} empty={<Empty title="Nothing came in during the last 15 minutes">Send an event, and it is here within a second.</Empty>}>
        {() => {
          const until = Math.floor((state.asOf || Date.now()) / 1000) * 1000;
          const from = until - window_ms;
          const series = sumByTime(state.table!.values("time") as number[], state.table!.values("count") as (number | null)[], from, until, 1000);
          series.lines[0].name = "events";
          const sum = series.lines[0].values.reduce<number>((total, value) => total + (value ?? 0), 0);
          return <Chart name={`Events a second: ${number(sum)} in all`} series={series} filled height={height} every="second" window={[from, until]} format={number} />;
        }}
      </Stateful>
    </Frame>
  );
}
