// The box that every panel has: title, what it says of itself, and one of its states.
import type { ComponentChildren } from "preact";
import type { TopicState } from "../api/live";
import type { Problem } from "../api/types";
import { triedAgain } from "../data/problem";

interface FrameProps {
  title: ComponentChildren;
  note?: ComponentChildren; // right of the title: units, choices
  class?: string;
  children: ComponentChildren;
  label?: string;
}

export function Frame({ title, note, children, class: kind, label }: FrameProps) {
  return (
    <section class={`panel ${kind ?? ""}`} aria-label={label}>
      <header class="panel-head">
        <h2>{title}</h2>
        {note && <div class="panel-note">{note}</div>}
      </header>
      {children}
    </section>
  );
}

export function Failure({ problem }: { problem: Problem }) {
  return (
    <div class="state state-error" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.detail}</p>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} style={{ width: `${88 - ((i * 23) % 48)}%` }} />
      ))}
    </div>
  );
}

export function Cut({ cut, hint }: { cut: string | null; hint?: string }) {
  if (!cut) return null;
  return (
    <p class="cut" role="note">
      Not the whole answer: cut by {cut === "rows_read" ? "the bound on rows read" : cut}. {hint}
    </p>
  );
}

// The topic's state until there is something to draw; then `children`, with what failed since above it.
interface StatefulProps {
  state: TopicState;
  empty?: ComponentChildren;
  lines?: number;
  top?: boolean; // a list of the largest: that it ends somewhere is meant
  children: () => ComponentChildren;
}

export function Stateful({ state, empty, lines, top, children }: StatefulProps) {
  const nothing = !state.table && !state.events && !state.health;
  if (nothing) return state.error ? <Failure problem={triedAgain(state.error)} /> : <Loading lines={lines} />;
  if (state.table && state.table.rows === 0 && empty) return <>{empty}</>;
  return (
    <>
      {state.error && <p class="cut" role="alert">{state.error.title}: the numbers below are from before.</p>}
      {children()}
      {!(top && state.cut === "limit") && <Cut cut={state.cut} hint={state.hint} />}
    </>
  );
}
