import { Chart } from "../charts/chart";
import { Legend } from "../charts/legend";
import { number } from "../data/format";
import { overlay, toSeries } from "../data/series";
import { topicOf } from "../data/question";
import { useTopic } from "../state/live";
import { Empty, Frame, Stateful } from "./frame";

const quarter_ms = 900_000;

// Today's events over yesterday's, by quarter of an hour.
export function TodayPanel({ time_zone, height = 240 }: { time_zone: string; height?: number }) {
  const ask = (range: string) => ({ measures: ["count"], range, every: "15_minutes", time_zone });
  const today = useTopic(topicOf(ask("today"), "10s"));
  const yesterday = useTopic(topicOf(ask("yesterday"), "5m"));
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const before = new Date(midnight);
  before.setDate(before.getDate() - 1);
  const after = new Date(midnight);
  after.setDate(after.getDate() + 1);
  return (
    <Frame title="Today against yesterday" note="by 15 minutes">
      <Stateful state={today} lines={6} empty={<Empty title="Nothing today" />}>
        {() => {
          const day = toSeries(today.table!.columns);
          // A quarter of an hour that is still under way would look like a fall.
          const whole = day.times.filter((time) => time + quarter_ms <= (today.asOf || Date.now())).length;
          const until_now = whole < 2 ? day : { ...day, times: day.times.slice(0, whole) };
          const series = overlay(until_now, toSeries(yesterday.table?.columns ?? []), midnight.getTime() - before.getTime());
          return (
            <>
              <Legend series={series} />
              <Chart name="Today against yesterday" series={series} filled height={height - 28} every="15_minutes" window={[midnight.getTime(), after.getTime()]} format={number} />
            </>
          );
        }}
      </Stateful>
    </Frame>
  );
}
