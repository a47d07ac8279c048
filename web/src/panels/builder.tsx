// The left side of Explore: a question, choice by choice.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "../app/icons";
import type { Schema } from "../api/types";
import { cut } from "../data/format";
import { everys, operators } from "../data/question";
import type { Condition, Operator, Question } from "../data/question";
import { fieldText, measureText } from "../data/title";
import { built_in_fields, numericNames, propertyNames, useSchema } from "../state/schema";
import { Choice, Select } from "./choice";

const ranges = [["1h", "1h"], ["24h", "24h"], ["7d", "7d"], ["30d", "30d"], ["all", "All"]] as const;
const more_ranges = ["15m", "6h", "14d", "90d", "365d", "today", "yesterday", "this_week", "last_week", "this_month", "last_month"];
const charts = [["area", "Area"], ["line", "Line"], ["bars", "Bars"], ["number", "Number"], ["table", "Table"]] as const;
const every_words: Record<string, string> = {
  auto: "automatic", none: "none", second: "second", minute: "minute", "5_minutes": "5 minutes", "15_minutes": "15 minutes",
  hour: "hour", day: "day", week: "week", month: "month",
};

interface BuilderProps {
  question: Question;
  onChange: (question: Question) => void;
}

export function Builder({ question, onChange }: BuilderProps) {
  const { schema } = useSchema();
  const fields = [...built_in_fields, ...propertyNames(schema)];
  const set = (part: Partial<Question>) => onChange({ ...question, ...part });
  return (
    <form class="builder panel" aria-label="Question" onSubmit={(event) => event.preventDefault()}>
      <Part title="Measures">
        <Chips items={question.measures} shown={measureText} onRemove={(measure) => set({ measures: question.measures.filter((one) => one !== measure) })} keep_one />
        <AddMeasure schema={schema} onAdd={(measure) => set({ measures: [...new Set([...question.measures, measure])].slice(0, 10) })} />
      </Part>
      <Part title="Broken down by">
        <Chips items={question.by} shown={fieldText} onRemove={(field) => set({ by: question.by.filter((one) => one !== field) })} />
        {question.by.length < 3 && <AddField label="Add a breakdown" fields={fields.filter((one) => !question.by.includes(one))} onAdd={(field) => set({ by: [...question.by, field] })} />}
      </Part>
      <Part title="Where">
        <Conditions conditions={question.where} fields={fields} schema={schema} onChange={(where) => set({ where })} />
      </Part>
      <Part title="Range">
        <Choice name="Range" value={question.range} options={ranges} onChange={(range) => set({ range })} />
        <RangeMore range={question.range} onChange={(range) => set({ range })} />
      </Part>
      <Part title="Granularity">
        <Select label="Granularity" value={question.every} options={["auto", ...everys, "none"]} shown={(one) => every_words[one]} onChange={(every) => set({ every })} />
      </Part>
      <Part title="Drawn as">
        <Choice name="Chart" value={question.chart} options={charts} onChange={(chart) => set({ chart })} />
      </Part>
      <label class="check">
        <input type="checkbox" checked={question.compare} disabled={question.range === "all"} onChange={(event) => set({ compare: event.currentTarget.checked })} />
        <span>Compare with the period before</span>
      </label>
    </form>
  );
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {children}
    </fieldset>
  );
}

interface ChipsProps {
  items: string[];
  shown: (item: string) => string;
  onRemove: (item: string) => void;
  keep_one?: boolean;
}

function Chips({ items, shown, onRemove, keep_one }: ChipsProps) {
  if (items.length === 0) return null;
  return (
    <ul class="chips">
      {items.map((item) => (
        <li key={item} title={cut(item, 200)}>
          <bdi>{cut(shown(item), 60)}</bdi>
          {!(keep_one && items.length === 1) && (
            <button type="button" aria-label={`Remove ${cut(shown(item), 60)}`} onClick={() => onRemove(item)}><Icon name="close" size={12} /></button>
          )}
        </li>
      ))}
    </ul>
  );
}

function AddField({ label, fields, onAdd }: { label: string; fields: string[]; onAdd: (field: string) => void }) {
  return (
    <span class="select add">
      <select aria-label={label} value="" onChange={(event) => { onAdd(event.currentTarget.value); event.currentTarget.value = ""; }}>
        <option value="">+ field…</option>
        {fields.map((field) => <option key={field} value={field}>{fieldText(field)}</option>)}
      </select>
    </span>
  );
}

const kinds = ["count", "uniq", "sum", "mean", "min", "max", "quantile"];
const kind_words: Record<string, string> = {
  count: "Events", uniq: "Unique values of", sum: "Sum of", mean: "Mean of", min: "Minimum of", max: "Maximum of", quantile: "Quantile of",
};

function AddMeasure({ schema, onAdd }: { schema: Schema | null; onAdd: (measure: string) => void }) {
  const [kind, setKind] = useState("");
  const [quantile, setQuantile] = useState("0.95");
  const fields = kind === "uniq" ? [...built_in_fields, ...propertyNames(schema)] : numericNames(schema);
  const add = (field: string) => {
    onAdd(kind === "quantile" ? `quantile(${quantile}, ${field})` : `${kind}(${field})`);
    setKind("");
  };
  return (
    <div class="add-row">
      <span class="select add">
        <select aria-label="Add a measure" value={kind} onChange={(event) => {
          const chosen = event.currentTarget.value;
          if (chosen === "count") onAdd("count");
          setKind(chosen === "count" ? "" : chosen);
          event.currentTarget.value = chosen === "count" ? "" : chosen;
        }}>
          <option value="">+ measure…</option>
          {kinds.map((one) => <option key={one} value={one}>{kind_words[one]}</option>)}
        </select>
      </span>
      {kind === "quantile" && <Select label="Quantile" value={quantile} options={["0.5", "0.75", "0.9", "0.95", "0.99", "0.999"]} shown={(one) => `p${Number(one) * 100}`} onChange={setQuantile} />}
      {kind !== "" && <AddField label="Field of the measure" fields={fields} onAdd={add} />}
    </div>
  );
}

interface ConditionsProps {
  conditions: Condition[];
  fields: string[];
  schema: Schema | null;
  onChange: (conditions: Condition[]) => void;
}

function Conditions({ conditions, fields, schema, onChange }: ConditionsProps) {
  const replace = (at: number, part: Partial<Condition>) => onChange(conditions.map((one, i) => (i === at ? { ...one, ...part } : one)));
  return (
    <>
      {conditions.map((condition, i) => (
        <div class="condition" key={i}>
          <Select label="Field" value={condition.field} options={fields} onChange={(field) => replace(i, { field })} />
          <Select label="Operator" value={condition.operator} options={operators} shown={(one) => one} onChange={(operator) => replace(i, { operator: operator as Operator })} />
          {!condition.operator.endsWith("exists") && <ValueField condition={condition} schema={schema} number={i} onChange={(value) => replace(i, { value })} />}
          <button type="button" class="remove" aria-label="Remove this filter" onClick={() => onChange(conditions.filter((_, at) => at !== i))}><Icon name="close" size={14} /></button>
        </div>
      ))}
      <button type="button" class="button quiet" onClick={() => onChange([...conditions, { field: "event", operator: "=", value: "" }])}>+ filter</button>
    </>
  );
}

function ValueField({ condition, schema, number, onChange }: { condition: Condition; schema: Schema | null; number: number; onChange: (value: string) => void }) {
  const examples =
    condition.field === "event" ? (schema?.events ?? []).map((one) => one.event) : (schema?.fields.find((one) => one.name === condition.field)?.examples ?? []);
  const id = `examples-${number}`;
  return (
    <>
      <input aria-label="Value" value={condition.value} list={id} placeholder={condition.operator === "in" ? "a, b, c" : "value"} spellcheck={false} onInput={(event) => onChange(event.currentTarget.value)} />
      <datalist id={id}>{examples.slice(0, 50).map((one) => <option key={String(one)} value={String(one).slice(0, 200)} />)}</datalist>
    </>
  );
}

function RangeMore({ range, onChange }: { range: string; onChange: (range: string) => void }) {
  const custom = range.includes(",");
  const [from, to] = custom ? range.split(",") : ["", ""];
  const listed = ranges.some(([one]) => one === range) || custom ? "" : range;
  const today = new Date().toISOString().slice(0, 10);
  return (
    <div class="add-row">
      <span class="select">
        <select aria-label="More ranges" value={custom ? "custom" : listed} onChange={(event) => {
          const chosen = event.currentTarget.value;
          if (chosen === "custom") onChange(`${new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10)},${today}`);
          else if (chosen !== "") onChange(chosen);
        }}>
          <option value="">more…</option>
          {more_ranges.map((one) => <option key={one} value={one}>{one.replace("_", " ")}</option>)}
          <option value="custom">from … to …</option>
        </select>
      </span>
      {custom && (
        <>
          <input type="date" aria-label="From" value={from} onChange={(event) => event.currentTarget.value && onChange(`${event.currentTarget.value},${to}`)} />
          <input type="date" aria-label="To (not with)" value={to} onChange={(event) => event.currentTarget.value && onChange(`${from},${event.currentTarget.value}`)} />
        </>
      )}
    </div>
  );
}
