// In place of the stream while the server has none: asks again and again.
import { query } from "./calls";
import { request, Refusal } from "./http";
import type { OpenSource } from "./live";
import type { Health, Query, StoredEvent } from "./types";
import { parseTopic } from "../data/question";

const views: Record<string, [Query, number]> = {
  events_by_second: [{ measures: ["count"], by: ["event"], every: "second", range: "15m", limit: 10_000 }, 1000],
  events_by_minute: [{ measures: ["count"], by: ["event"], every: "minute", range: "24h", limit: 10_000 }, 5000],
};

const ms = (text: string | undefined) => Number.parseInt(text ?? "5s", 10) * 1000;

// `shared`: the token of a shared dashboard's link and the topics of its panels, in place of a session.
export function openPolling(shared?: { token: string; topics: string[] }): OpenSource {
  return (topics, _lastId, on) => {
    let closed = false;
    let opened = false;
    const again = (action: () => Promise<void>, every: number) => {
      const run = async () => {
        if (closed) return;
        try {
          await action();
          if (!opened && !closed) {
            opened = true;
            on.opened();
          }
        } catch (error) {
          if (!closed && error instanceof Refusal && (error.status === 0 || error.status === 401 || error.status === 404)) {
            return on.down(error.status !== 0);
          }
        }
        setTimeout(() => void run(), every);
      };
      void run();
    };
    for (const topic of topics) {
      const parsed = parseTopic(topic)!;
      const take = (kind: string, data: object) => closed || on.frame(kind, { ...data, topic, as_of: Date.now() }, "");
      if (shared) {
        const panel = `/v1/shared/${encodeURIComponent(shared.token)}/${shared.topics.indexOf(topic)}`;
        again(async () => {
          const answer = await request<{ events?: StoredEvent[] }>("GET", panel);
          take(answer.events ? "tail" : "snapshot", answer);
        }, parsed.kind === "tail" ? 1000 : ms(parsed.refresh));
      } else if (parsed.kind === "health") {
        again(async () => void take("health", await request<Health>("GET", "/v1/health")), 1000);
      } else if (parsed.kind === "tail") {
        const where = parsed.filter ? `&where=${encodeURIComponent(JSON.stringify(parsed.filter))}` : "";
        again(async () => {
          const answer = await request<{ events: StoredEvent[] }>("GET", `/v1/events?limit=50&range=1h${where}`);
          take("tail", { events: answer.events });
        }, 200);
      } else {
        const [asked, every] = parsed.kind === "view" ? views[parsed.name!] : [parsed.query!, ms(parsed.refresh)];
        again(async () => {
          try {
            take("snapshot", await query(asked));
          } catch (error) {
            if (error instanceof Refusal && error.status > 0 && error.status !== 401) take("error", error.problem);
            else throw error;
          }
        }, every);
      }
    }
    return { close: () => (closed = true) };
  };
}
