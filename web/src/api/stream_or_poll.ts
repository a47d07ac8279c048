// The stream, where the server has one.
import { request } from "./http";
import type { OpenSource, Source } from "./live";

let has_stream: Promise<boolean> | null = null;

async function look(): Promise<boolean> {
  try {
    const description = await request<{ paths: Record<string, unknown> }>("GET", "/v1/openapi.json");
    return "/v1/live" in description.paths;
  } catch {
    has_stream = null;
    return false;
  }
}

export function hasStream(): Promise<boolean> {
  return (has_stream ??= look());
}

export function openStreamOr(stream: OpenSource, poll: OpenSource): OpenSource {
  return (topics, lastId, on) => {
    let inner: Source | null = null;
    let closed = false;
    void hasStream().then((yes) => {
      if (!closed) inner = (yes ? stream : poll)(topics, lastId, on);
    });
    return {
      close() {
        closed = true;
        inner?.close();
      },
    };
  };
}
