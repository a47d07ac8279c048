// Explore: a question put together by choosing. The address is its state.
import { useEffect, useState } from "preact/hooks";
import { dashboards, query as ask, saveDashboard } from "../api/calls";
import { Refusal } from "../api/http";
import type { Answer, Dashboard, Problem, Query } from "../api/types";
import { csv, curl } from "../data/copy";
import { number } from "../data/format";
import { everyOf, refreshOf, topicOf, toQuery } from "../data/question";
import type { Question } from "../data/question";
import { questionFromUrl, questionToUrl } from "../data/question_url";
import { isBlank } from "../data/table";
import { titleOf } from "../data/title";
import { AnswerView } from "../panels/answer";
import { Builder } from "../panels/builder";
import { Cut, Empty, Failure, Frame, Loading } from "../panels/frame";
import { Table } from "../panels/table";
import { go, useRoute } from "../state/route";
import { sessionEnded } from "../state/session";
import { say } from "../state/toast";
import { time_zone } from "../state/zone";

interface Asked {
  answer: Answer | null;
  problem: Problem | null;
  busy: boolean;
  at: number; // ms, of the answer
}

// Asks when the question changes, and again on request; what came before stays until then.
function useAnswer(query: Query, again: number): Asked {
  const text = JSON.stringify(query);
  const [state, set] = useState<Asked>({ answer: null, problem: null, busy: true, at: 0 });
  useEffect(() => {
    const stop = new AbortController();
    set((before) => ({ ...before, busy: true }));
    const timer = setTimeout(async () => {
      try {
        const at = Date.now();
        set({ answer: await ask(query, stop.signal), problem: null, busy: false, at });
      } catch (error) {
        if (stop.signal.aborted) return;
        const problem = error instanceof Refusal ? error.problem : { title: "The page failed", detail: String(error) };
        if (error instanceof Refusal && error.status === 401) sessionEnded();
        set({ answer: null, problem, busy: false, at: 0 });
      }
    }, 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, again]);
  return state;
}

export function Explore() {
  const { search } = useRoute();
  const question = questionFromUrl(search);
  const [again, setAgain] = useState(0);
  const query = toQuery(question, time_zone);
  const { answer, problem, busy, at } = useAnswer(query, again);
  useEffect(() => {
    const run = () => setAgain((count) => count + 1);
    addEventListener("millrace:again", run);
    return () => removeEventListener("millrace:again", run);
  }, []);
  const change = (next: Question) => go(questionToUrl(next), true);
  // With the period before, there may be something to see although there is nothing now.
  const blank = answer !== null && isBlank(answer.columns) && isBlank(answer.previous?.columns ?? []);
  const rows = blank ? 0 : (answer?.rows ?? 0);
  const changes = question.compare && !query.every;

  return (
    <>
      <h1 class="unseen">Explore</h1>
      <div class="explore">
        <Builder question={question} onChange={change} />
        <div class="explore-answer">
          <Frame
            title={<bdi>{titleOf(question)}</bdi>}
            class={busy ? "busy" : ""}
            note={<Actions question={question} query={query} answer={answer} onAgain={() => setAgain(again + 1)} />}
          >
            {problem && <Failure problem={problem} />}
            {!problem && !answer && <Loading lines={7} />}
            {answer && rows === 0 && <Empty title="No events">Nothing in this time fits these filters.</Empty>}
            {answer && rows > 0 && (
              <AnswerView kind={question.chart} columns={answer.columns} previous={answer.previous?.columns} every={query.every} height={320} compare={question.compare} partial={Boolean(answer.cut)} now={at} />
            )}
            {answer && <Cut cut={answer.cut ?? null} hint={answer.hint} />}
          </Frame>
          {answer && rows > 0 && question.chart !== "table" && (
            <Frame title="Table" note={`${number(rows)} rows · ${number(answer.rows_read ?? 0)} read · ${number(answer.elapsed_ms ?? 0)} ms`}>
              <Table columns={answer.columns} previous={changes || question.compare ? answer.previous?.columns : undefined} every={everyOf(question)} rows_max={200} />
            </Frame>
          )}
        </div>
      </div>
    </>
  );
}

interface ActionsProps {
  question: Question;
  query: Query;
  answer: Answer | null;
  onAgain: () => void;
}

function Actions({ question, query, answer, onAgain }: ActionsProps) {
  const [saving, setSaving] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(curl(location.origin, query));
      say("The command is in the clipboard. It takes the key from $MILLRACE_KEY.");
    } catch {
      say("This browser doesn't let the page write to the clipboard here.");
    }
  }
  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv(answer!.columns, answer!.previous?.columns)], { type: "text/csv" }));
    link.download = "millrace.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
  return (
    <>
      <button type="button" class="button" onClick={onAgain} title="r">Refresh</button>
      <button type="button" class="button" onClick={() => void copy()}>Copy as curl</button>
      <button type="button" class="button" disabled={!answer || answer.rows === 0} onClick={download}>CSV</button>
      <button type="button" class="button primary" aria-expanded={saving} onClick={() => setSaving(!saving)}>Save…</button>
      {saving && <SaveTo question={question} query={query} onDone={() => setSaving(false)} />}
    </>
  );
}

function SaveTo({ question, query, onDone }: { question: Question; query: Query; onDone: () => void }) {
  const [all, setAll] = useState<Dashboard[] | null>(null);
  const [title, setTitle] = useState(titleOf(question));
  const [target, setTarget] = useState("");
  const [name, setName] = useState("My dashboard");
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    dashboards()
      .then((found) => {
        setAll(found);
        setTarget(found[0]?.id ?? "");
      })
      .catch((error: unknown) => setProblem(error instanceof Refusal ? error.problem : { title: "It failed", detail: String(error) }));
  }, []);

  async function save(event: Event) {
    event.preventDefault();
    const panel = { title, kind: question.chart, topic: topicOf(query, refreshOf(question.range)), width: question.chart === "number" ? 1 : 2, compare: question.compare };
    const kept = all?.find((one) => one.id === target);
    try {
      const saved = await saveDashboard(kept?.id ?? newId(), kept?.name ?? name, [...(kept?.panels ?? []), panel]);
      onDone();
      go(`/dashboards/${saved.id}`);
    } catch (error) {
      setProblem(error instanceof Refusal ? error.problem : { title: "It failed", detail: String(error) });
    }
  }

  return (
    <form class="popover" aria-label="Save to a dashboard" onSubmit={(event) => void save(event)} onKeyDown={(event) => event.key === "Escape" && onDone()}>
      <label>
        <span>Title</span>
        <input value={title} maxLength={100} autoFocus onInput={(event) => setTitle(event.currentTarget.value)} />
      </label>
      <label>
        <span>Dashboard</span>
        <span class="select">
          <select value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
            {(all ?? []).map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
            <option value="">A new one</option>
          </select>
        </span>
      </label>
      {target === "" && (
        <label>
          <span>Its name</span>
          <input value={name} required maxLength={100} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
      )}
      {problem && <Failure problem={problem} />}
      <div class="popover-actions">
        <button type="button" class="button" onClick={onDone}>Cancel</button>
        <button type="submit" class="button primary" disabled={!all}>Save</button>
      </div>
    </form>
  );
}

export function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => (byte % 36).toString(36)).join("");
}
