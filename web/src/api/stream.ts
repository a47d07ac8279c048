// The browser's own reader of server-sent events, as a source of the feed.
import type { FrameData, OpenSource } from "./live";
import { request, Refusal } from "./http";

export const tick_ms = 250;

// `share`: the token of a shared dashboard's link, in place of a session.
export function openStream(share: string): OpenSource {
  return (topics, lastId, on) => {
    const parameters = topics.map((topic) => `topic=${encodeURIComponent(topic)}`);
    parameters.push(`tick=${tick_ms}`);
    if (lastId !== "") parameters.push(`last_event_id=${encodeURIComponent(lastId)}`);
    if (share !== "") parameters.push(`share=${encodeURIComponent(share)}`);
    const source = new EventSource(`/v1/live?${parameters.join("&")}`);
    let closed = false;
    const take = (event: MessageEvent<string>) => on.frame(event.type, JSON.parse(event.data) as FrameData, event.lastEventId);
    for (const kind of ["snapshot", "delta", "tail", "health"]) source.addEventListener(kind, take as (event: Event) => void);
    source.onopen = () => on.opened();
    // The server's own event "error" carries data; the browser's, for a broken connection, does not.
    source.addEventListener("error", (event: Event) => {
      if (typeof (event as MessageEvent).data === "string") {
        take(event as MessageEvent<string>);
        return;
      }
      source.close();
      if (closed) return;
      closed = true;
      void isShutOut(share).then((out) => on.down(out));
    });
    return {
      close() {
        closed = true;
        source.close();
      },
    };
  };
}

// A stream that breaks doesn't say why: whether we may still come in does another request.
async function isShutOut(share: string): Promise<boolean> {
  try {
    await request("GET", share === "" ? "/v1/session" : `/v1/shared/${encodeURIComponent(share)}`);
    return false;
  } catch (error) {
    return error instanceof Refusal && (error.status === 401 || error.status === 404);
  }
}
