// The newest events, newest first.
import type { StoredEvent } from "../api/types";
import { cut } from "./format";

export const tail_events_max = 500;

// `fresh` in any order, and from any time; one that is there already (by its place in the record of events) is not added again.
export function addEvents(kept: StoredEvent[], fresh: StoredEvent[]): StoredEvent[] {
  const known = new Set(kept.map((event) => event.place));
  const added = fresh.filter((event) => !known.has(event.place));
  if (added.length === 0) return kept;
  return [...added, ...kept].sort(newestFirst).slice(0, tail_events_max);
}

function newestFirst(a: StoredEvent, b: StoredEvent): number {
  const times = Date.parse(b.received) - Date.parse(a.received);
  return times !== 0 ? times : sequence(b.place) - sequence(a.place);
}

const sequence = (place: string) => Number(place.slice(place.lastIndexOf(":") + 1));

// "plan pro · price 29": properties on one line, of a bounded length.
export function summary(properties: Record<string, unknown>, length_max = 400): [string, string][] {
  const pairs: [string, string][] = [];
  let length = 0;
  for (const [name, value] of Object.entries(properties)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    pairs.push([cut(name, 100), cut(text, 200)]);
    length += name.length + text.length;
    if (length > length_max) break;
  }
  return pairs;
}
