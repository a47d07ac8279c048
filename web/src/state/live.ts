// The page's one feed, for components.
import { useEffect, useReducer } from "preact/hooks";
import { Feed } from "../api/live";
import type { Status, TopicState } from "../api/live";
import { earlierEvents, earlierEventsOf } from "../api/earlier";
import { openStream } from "../api/stream";

let feed = new Feed(openStream(""), earlierEvents);

// A shared dashboard is fed by its link instead of a session.
export function feedByLink(token: string, topics: string[]): void {
  feed = new Feed(openStream(token), earlierEventsOf(token, topics));
}

// Before the session ends, so that nothing is asked that would be refused.
export function closeFeed(): void {
  feed.close();
}

export function openFeed(): void {
  feed.pause(document.hidden);
}

// A page that the browser keeps for the way back would keep its connections too, of which a browser has six for a server.
addEventListener("pagehide", closeFeed);
addEventListener("pageshow", openFeed);

// A tab in the background gives its connections back after a while.
let hidden = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (document.hidden) hidden = setTimeout(() => feed.pause(true), 10_000);
  else feed.pause(false);
});

// What is known of a topic; the component is drawn again when that changes. Null watches nothing.
export function useTopic(topic: string | null): TopicState {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => (topic === null ? undefined : feed.watch(topic, () => draw(undefined))), [topic]);
  return feed.state(topic ?? "");
}

export function useStatus(): Status {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => feed.onStatus(() => draw(undefined)), []);
  return feed.status;
}

// Draws again every `ms`, for what tells its own age.
export function useClock(ms: number): number {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => draw(undefined), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return Date.now();
}
