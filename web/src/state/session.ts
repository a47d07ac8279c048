// Whether somebody is logged in.
import { useEffect, useReducer } from "preact/hooks";
import * as calls from "../api/calls";
import { abandonRequests, Refusal } from "../api/http";
import { closeFeed, openFeed } from "./live";

export type SessionState =
  | { phase: "asking" }
  | { phase: "out"; message: string }
  | { phase: "unreachable" }
  | { phase: "in"; project: string };

let state: SessionState = { phase: "asking" };
const listeners = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

// Scripts can't see the cookie. So that nobody asks in vain who never logged in here, this browser keeps that somebody did.
const hint = "millrace.session";

function remember(logged_in: boolean): void {
  try {
    if (logged_in) localStorage.setItem(hint, "1");
    else localStorage.removeItem(hint);
  } catch {
    // a browser that keeps nothing: then one logs in anew each time
  }
}

function logged_in_before(): boolean {
  try {
    return localStorage.getItem(hint) === "1";
  } catch {
    return false;
  }
}

export async function checkSession(): Promise<void> {
  if (state.phase === "asking" && !logged_in_before()) return set({ phase: "out", message: "" });
  try {
    set({ phase: "in", project: (await calls.session()).project });
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      remember(false);
      set({ phase: "out", message: state.phase === "in" ? "The session has ended. Log in again." : "" });
    } else if (state.phase !== "in") {
      set({ phase: "unreachable" });
      setTimeout(() => void checkSession(), 1000);
    }
  }
}

// Throws a Refusal that says why not.
export async function logIn(key: string): Promise<void> {
  await calls.logIn(key);
  remember(true);
  openFeed();
  await checkSession();
}

// What is under way is given up first: it would be refused.
export async function logOut(): Promise<void> {
  closeFeed();
  abandonRequests();
  try {
    await calls.logOut();
  } catch (error) {
    if (error instanceof Refusal && error.status !== 401) {
      openFeed();
      throw error;
    }
  }
  remember(false);
  set({ phase: "out", message: "" });
}

// A key that is revoked ends its sessions: that is noticed while nothing else is asked, too.
setInterval(() => {
  if (state.phase === "in" && !document.hidden) void checkSession();
}, 60_000);

export const sessionEnded = () => void checkSession();

export function useSession(): SessionState {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const listener = () => draw(undefined);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return state;
}
