// The row of large numbers of the Overview.
import type { ComponentChildren } from "preact";
import { change, number, short } from "../data/format";
import { sumByTime } from "../data/series";
import type { TopicState } from "../api/live";
import { useTopic } from "../state/live";
import { topicOf } from "../data/question";
import { tone } from "../charts/bars";

interface StatProps {
  label: string;
  value: string | null; // null: not known yet
  exact?: string;
  children?: ComponentChildren;
}

export function Stat({ label, value, exact, children }: StatProps) {
  return (
    <div class="stat">
      <dt>{label}</dt>
      <dd>
        <span class={`stat-value ${value === null ? "waiting" : ""}`} title={exact}>{value ?? "–"}</span>
        <span class="stat-note">{children}</span>
      </dd>
    </div>
  );
}

const first = (state: TopicState, name: string) => (state.table ? ((state.table.values(name)[0] as number | null | undefined) ?? null) : null);

function previous(state: TopicState, name: string): number | null {
  const column = state.previous?.columns.find((one) => one.name === name);
  return (column?.values[0] as number | null | undefined) ?? null;
}

function Against({ now, before }: { now: number | null; before: number | null }) {
  const changed = change(now, before);
  if (!changed) return <>{now !== null && before === 0 ? "none yesterday by now" : ""}</>;
  return (
    <span title={`Yesterday until this time: ${number(before)}`}>
      <span class={`change ${tone(changed.sign)}`}>{changed.text}</span> vs yesterday
    </span>
  );
}

// Events a second: the mean of the last five whole seconds, so that it is calm and still live.
export function rateNow(state: TopicState, now: number): number | null {
  if (!state.table) return null;
  const until = Math.floor(now / 1000) * 1000;
  const sums = sumByTime(state.table.values("time") as number[], state.table.values("count") as (number | null)[], until - 5000, until, 1000);
  return sums.lines[0].values.reduce<number>((total, value) => total + (value ?? 0), 0) / 5;
}

export const second_view = "view:events_by_second;window=15m";

export function Stats({ time_zone }: { time_zone: string }) {
  const seconds = useTopic(second_view);
  const active = useTopic(topicOf({ measures: ["uniq(visitor)"], range: "5m" }, "2s"));
  const today = useTopic(topicOf({ measures: ["count", "uniq(visitor)"], range: "today", time_zone, compare: "previous" }, "5s"));
  const rate = rateNow(seconds, seconds.asOf || Date.now());
  const events = first(today, "count");
  const people = first(today, "uniq(visitor)");
  const now_active = first(active, "uniq(visitor)");
  return (
    <dl class="stats">
      <Stat label="Events a second" value={rate === null ? null : rate >= 100 ? number(Math.round(rate)) : number(Math.round(rate * 10) / 10)}>
        last 5 seconds
      </Stat>
      <Stat label="Active now" value={now_active === null ? null : number(now_active)}>people in 5 minutes</Stat>
      <Stat label="Events today" value={events === null ? null : short(events)} exact={number(events)}>
        <Against now={events} before={previous(today, "count")} />
      </Stat>
      <Stat label="People today" value={people === null ? null : short(people)} exact={number(people)}>
        <Against now={people} before={previous(today, "uniq(visitor)")} />
      </Stat>
    </dl>
  );
}
