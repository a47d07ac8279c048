// Requests to the server that this page came from. The cookie is sent by the browser; requests that change something
// carry the header that other sites can't set.
import type { Problem } from "./types";

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail);
  }
}

// Status 0: the server can't be reached.
export function unreachable(): Refusal {
  return new Refusal(0, { title: "Not connected", detail: "The server does not answer. It is tried again." });
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Problem;
    if (typeof body.title === "string" && typeof body.detail === "string") return body;
  } catch {
    // not from our server, or cut off
  }
  return { title: `The server answered ${response.status}`, detail: response.statusText || "It gave no reason." };
}

let leaving = new AbortController();

// Gives up what is under way and has no signal of its own, as if the server didn't answer.
export function abandonRequests(): void {
  leaving.abort();
  leaving = new AbortController();
}

export async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { "X-Millrace": "1", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ?? leaving.signal,
      credentials: "same-origin",
      redirect: "error",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (!response.ok) throw new Refusal(response.status, await problemOf(response));
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}
