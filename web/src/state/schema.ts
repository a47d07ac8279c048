// What there is to ask about, fetched once and again after a while.
import { useEffect, useState } from "preact/hooks";
import { schema } from "../api/calls";
import { Refusal } from "../api/http";
import type { Problem, Schema } from "../api/types";

export interface SchemaState {
  schema: Schema | null;
  problem: Problem | null;
}

let kept: { schema: Schema; at: number } | null = null;
let under_way: Promise<Schema> | null = null;

function load(): Promise<Schema> {
  under_way ??= schema()
    .then((fresh) => {
      kept = { schema: fresh, at: Date.now() };
      return fresh;
    })
    .finally(() => (under_way = null));
  return under_way;
}

export function useSchema(): SchemaState {
  const [state, set] = useState<SchemaState>({ schema: kept?.schema ?? null, problem: null });
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const run = async () => {
      try {
        const fresh = kept && Date.now() - kept.at < 15_000 ? kept.schema : await load();
        if (!gone) set({ schema: fresh, problem: null });
      } catch (error) {
        if (!gone && error instanceof Refusal) set({ schema: kept?.schema ?? null, problem: error.problem });
      }
      // A server that has just started knows little: look again soon.
      if (!gone) timer = setTimeout(() => void run(), kept && kept.schema.fields.length > 0 ? 60_000 : 3000);
    };
    void run();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return state;
}

export const built_in_fields = ["event", "user_id", "anonymous_id", "session_id", "visitor", "message_id"];

export function propertyNames(schema: Schema | null): string[] {
  return (schema?.fields ?? []).map((field) => field.name).filter((name) => /^(properties|context)\./.test(name));
}

export function numericNames(schema: Schema | null): string[] {
  return (schema?.fields ?? []).filter((field) => field.type === "integer" || field.type === "number").map((field) => field.name);
}
