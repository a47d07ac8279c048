// What came before the stream of a tail began.
import { request } from "./http";
import type { FrameData } from "./live";
import type { StoredEvent } from "./types";
import { parseTopic } from "../data/question";

export async function earlierEvents(topic: string): Promise<FrameData | null> {
  const parsed = parseTopic(topic);
  if (parsed?.kind !== "tail") return null;
  const where = parsed.filter ? `&where=${encodeURIComponent(JSON.stringify(parsed.filter))}` : "";
  const { events } = await request<{ events: StoredEvent[] }>("GET", `/v1/events?limit=50&range=15m${where}`);
  return { topic, events };
}

// The same on a shared dashboard, by the number of its panel.
export function earlierEventsOf(token: string, topics: string[]): (topic: string) => Promise<FrameData | null> {
  return async (topic) => {
    if (parseTopic(topic)?.kind !== "tail") return null;
    const panel = `/v1/shared/${encodeURIComponent(token)}/${topics.indexOf(topic)}`;
    const { events } = await request<{ events: StoredEvent[] }>("GET", panel);
    return { topic, events };
  };
}
