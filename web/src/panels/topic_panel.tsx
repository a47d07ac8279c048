// One panel of a dashboard: a topic and how it is drawn.
import type { ComponentChildren } from "preact";
import type { Panel } from "../api/types";
import { parseTopic } from "../data/question";
import { rangeText } from "../data/title";
import { useTopic } from "../state/live";
import { AnswerView } from "./answer";
import { Empty, Failure, Frame, Stateful } from "./frame";
import { TailList } from "./tail";

export function TopicPanel({ panel, tools }: { panel: Panel; tools?: ComponentChildren }) {
  const parsed = parseTopic(panel.topic);
  const range = parsed?.query ? rangeText(typeof parsed.query.range === "string" ? parsed.query.range : parsed.query.range.join(",")) : "";
  const title = panel.title || (parsed?.kind === "tail" ? "Live" : "Untitled");
  // A title that says the range itself needs no note.
  const note = tools ?? (range !== "" && !title.includes(range) ? range : undefined);
  return (
    <Frame title={<bdi>{title}</bdi>} note={note} class={`width-${panel.width}`} label={title}>
      {!parsed ? (
        <Failure problem={{ title: "This panel can't be shown", detail: "Its topic is of no known kind." }} />
      ) : panel.kind === "tail" ? (
        <TailList filter={parsed.filter} paused={false} />
      ) : (
        <Drawn panel={panel} every={parsed.query?.every} />
      )}
    </Frame>
  );
}

function Drawn({ panel, every }: { panel: Panel; every?: string }) {
  const state = useTopic(panel.topic);
  return (
    <Stateful state={state} lines={5} top={panel.kind === "bars"} empty={<Empty title="No events" />}>
      {() => <AnswerView kind={panel.kind} columns={state.table!.columns} previous={state.previous?.columns} every={every} height={220} compare={panel.compare} partial={state.cut !== null} now={state.asOf || Date.now()} />}
    </Stateful>
  );
}
