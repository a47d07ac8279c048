// Top events, and top values of any property.
import { useState } from "preact/hooks";
import { Bars } from "../charts/bars";
import type { Value } from "../api/types";
import { toBars } from "../data/top";
import type { Bar } from "../data/top";
import { refreshOf, topicOf, typed } from "../data/question";
import type { Condition } from "../data/question";
import { questionToUrl } from "../data/question_url";
import { first_question } from "../data/question";
import { useTopic } from "../state/live";
import { built_in_fields, propertyNames, useSchema } from "../state/schema";
import { Select } from "./choice";
import { Empty, Frame, Loading, Stateful } from "./frame";

function conditionFor(field: string, value: Value): Condition {
  return value === null ? { field, operator: "not exists", value: "" } : { field, operator: "=", value: typed(value) };
}

// Explore, with this row's events alone.
const exploreLink = (field: string, range: string) => (bar: Bar) =>
  questionToUrl({ ...first_question, where: [conditionFor(field, bar.key[0] ?? null)], range });

function TopOf({ field, range, time_zone, bars_max }: { field: string; range: string; time_zone: string; bars_max: number }) {
  const state = useTopic(
    topicOf({ measures: ["count"], by: [field], range, time_zone, limit: 100, compare: "previous" }, refreshOf(range)),
  );
  return (
    <Stateful state={state} lines={7} top empty={<Empty title="No events in this time" />}>
      {() => <Bars bars={toBars(state.table!.columns, state.previous?.columns, bars_max)} compare partial={state.cut !== null} link={exploreLink(field, range)} />}
    </Stateful>
  );
}

interface TopProps {
  range: string;
  time_zone: string;
}

export function TopEvents({ range, time_zone }: TopProps) {
  return (
    <Frame title="Top events" note={<a data-in href={questionToUrl({ ...first_question, by: ["event"], range })}>Explore</a>}>
      <TopOf field="event" range={range} time_zone={time_zone} bars_max={10} />
    </Frame>
  );
}

export function TopValues({ range, time_zone }: TopProps) {
  const { schema } = useSchema();
  const names = propertyNames(schema);
  const [chosen, choose] = useState("");
  // The first choice is one that makes a good list: text of few, but several, values.
  const good = schema?.fields
    .filter((field) => field.type === "string" && field.name.startsWith("properties.") && field.cardinality > 1 && field.cardinality <= 200)
    .sort((a, b) => b.events - a.events)[0]?.name;
  const field = chosen || good || names[0] || "";
  return (
    <Frame
      title="Top values"
      note={<Select label="Property" value={field} options={[...names, ...built_in_fields.slice(1)]} onChange={choose} />}
    >
      {field !== "" ? (
        <TopOf field={field} range={range} time_zone={time_zone} bars_max={10} />
      ) : schema ? (
        <Empty title="No properties yet">They are listed here once events bring them.</Empty>
      ) : (
        <Loading lines={10} />
      )}
    </Frame>
  );
}
