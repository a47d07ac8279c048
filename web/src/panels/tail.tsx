// Events as they come in.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Filter, StoredEvent } from "../api/types";
import { clock, cut, number, visibleJson } from "../data/format";
import { operators, whereOf } from "../data/question";
import type { Condition, Operator } from "../data/question";
import { summary } from "../data/tail";
import { useTopic } from "../state/live";
import { built_in_fields, propertyNames, useSchema } from "../state/schema";
import { Select } from "./choice";
import { Empty, Failure, Frame, Loading } from "./frame";

export function EventRow({ event, open, onToggle }: { event: StoredEvent; open: boolean; onToggle: () => void }) {
  const who = event.user_id ?? event.anonymous_id ?? "";
  return (
    <li class={open ? "event open" : "event"}>
      <button type="button" class="event-line" aria-expanded={open} onClick={onToggle}>
        <time dateTime={event.received} title={`happened ${event.time}`}>{clock(Date.parse(event.received), true)}</time>
        <bdi class="event-name" title={cut(event.event, 300)}>{cut(event.event, 80)}</bdi>
        <bdi class="event-who" title={cut(who, 300)}>{cut(who, 40)}</bdi>
        <span class="event-properties">
          {summary(event.properties).map(([name, value]) => (
            <span key={name}>
              <bdi class="property-name">{name}</bdi> <bdi class="property-value">{value}</bdi>
            </span>
          ))}
        </span>
      </button>
      {open && <pre tabIndex={0}>{visibleJson(JSON.stringify(event, null, 2).slice(0, 20_000))}</pre>}
    </li>
  );
}

interface TailListProps {
  filter: Filter | undefined;
  paused: boolean;
}

export function TailList({ filter, paused }: TailListProps) {
  const topic = filter ? `tail:${JSON.stringify(filter)}` : "tail";
  const state = useTopic(topic);
  const held = useRef<StoredEvent[] | null>(null);
  const [open, setOpen] = useState("");
  if (!paused) held.current = null;
  else held.current ??= state.events;
  const events = held.current ?? state.events;
  const behind = paused && state.events && held.current ? state.events.findIndex((event) => event.place === held.current![0]?.place) : 0;
  if (state.error && !events) return <Failure problem={state.error} />;
  if (!events) return <Loading lines={6} />;
  if (events.length === 0) return <Empty title="Listening">Events that come in from now on are shown here.</Empty>;
  return (
    <>
      <ol class="events" aria-label="Newest events">
        {events.slice(0, 200).map((event) => (
          <EventRow key={event.place} event={event} open={open === event.place} onToggle={() => setOpen(open === event.place ? "" : event.place)} />
        ))}
      </ol>
      <p class="panel-foot" aria-live="off">
        {paused ? `Paused; ${behind < 0 ? "more than 500" : number(behind)} newer.` : state.leftOut > 0 ? `${number(state.leftOut)} more came in than are shown: newest events are sampled when there are many.` : `The newest ${number(Math.min(200, events.length))}.`}
      </p>
    </>
  );
}

export function TailPanel() {
  const { schema } = useSchema();
  const [paused, setPaused] = useState(false);
  const [draft, setDraft] = useState<Condition>({ field: "event", operator: "=", value: "" });
  const [filter, setFilter] = useState<Filter | undefined>(undefined);
  useEffect(() => {
    const timer = setTimeout(() => setFilter(whereOf([draft])), 300);
    return () => clearTimeout(timer);
  }, [draft]);
  useEffect(() => {
    const toggle = () => setPaused((now) => !now);
    addEventListener("millrace:pause", toggle);
    return () => removeEventListener("millrace:pause", toggle);
  }, []);
  const fields = [...built_in_fields, ...propertyNames(schema)];
  const examples =
    draft.field === "event" ? (schema?.events ?? []).map((one) => one.event) : (schema?.fields.find((one) => one.name === draft.field)?.examples ?? []).map(String);
  return (
    <Frame
      title="Live"
      class="tail"
      note={
        <>
          <form class="tail-filter" role="search" aria-label="Filter of the live events" onSubmit={(event) => { event.preventDefault(); setFilter(whereOf([draft])); }}>
            <Select label="Field" value={draft.field} options={fields} onChange={(field) => setDraft({ ...draft, field })} />
            <Select label="Operator" value={draft.operator} options={operators.filter((one) => one !== "in")} onChange={(operator) => setDraft({ ...draft, operator: operator as Operator })} shown={(one) => one} />
            {!draft.operator.endsWith("exists") && (
              <input type="search" aria-label="Value" placeholder="any value" value={draft.value} list="tail-examples" onInput={(event) => setDraft({ ...draft, value: event.currentTarget.value })} />
            )}
            <datalist id="tail-examples">{examples.slice(0, 50).map((one) => <option key={one} value={one.slice(0, 200)} />)}</datalist>
          </form>
          <button type="button" class="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {paused ? "Go on" : "Pause"}
          </button>
        </>
      }
    >
      <TailList filter={filter} paused={paused} />
    </Frame>
  );
}
