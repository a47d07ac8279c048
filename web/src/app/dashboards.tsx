// Dashboards: the list of them, and one that is shown, arranged and shared.
import { useEffect, useRef, useState } from "preact/hooks";
import * as calls from "../api/calls";
import { Refusal } from "../api/http";
import type { Dashboard, Panel, Problem } from "../api/types";
import { moment, visible } from "../data/format";
import { Empty, Failure, Frame, Loading } from "../panels/frame";
import { TopicPanel } from "../panels/topic_panel";
import { go } from "../state/route";
import { say } from "../state/toast";
import { newId } from "./explore";
import { Icon } from "./icons";
import { starter } from "./starter";

const problemOf = (error: unknown): Problem =>
  error instanceof Refusal ? error.problem : { title: "The page failed", detail: String(error) };

export function DashboardList() {
  const [all, setAll] = useState<Dashboard[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    calls.dashboards().then(setAll).catch((error: unknown) => setProblem(problemOf(error)));
  }, []);
  async function make(panels: Panel[], name: string) {
    try {
      go(`/dashboards/${(await calls.saveDashboard(newId(), name, panels)).id}`);
    } catch (error) {
      setProblem(problemOf(error));
    }
  }
  return (
    <>
      <div class="section-head">
        <h1>Dashboards</h1>
        <button type="button" class="button primary" onClick={() => void make(starter, "A first look")}>New dashboard</button>
      </div>
      {problem && <Failure problem={problem} />}
      {!all && !problem && <Frame title="Dashboards"><Loading /></Frame>}
      {all?.length === 0 && (
        <section class="panel">
          <Empty title="No dashboards yet">
            Ask something in <a data-in href="/explore">Explore</a> and save it, or begin with a few panels that fit any events.
          </Empty>
        </section>
      )}
      {all && all.length > 0 && (
        <ul class="cards">
          {[...all].sort((a, b) => a.name.localeCompare(b.name)).map((one) => (
            <li key={one.id}>
              <a data-in href={`/dashboards/${one.id}`} class="card panel">
                <strong><bdi>{visible(one.name)}</bdi></strong>
                <span class="sketch" aria-hidden="true">{one.panels.slice(0, 8).map((panel, i) => <i key={i} class={`sketch-${panel.width}`} />)}</span>
                <span class="card-note">{one.panels.length === 1 ? "1 panel" : `${one.panels.length} panels`} · {moment(Date.parse(one.updated))}{one.link ? " · shared" : ""}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export function DashboardPage({ id }: { id: string }) {
  const [kept, setKept] = useState<Dashboard | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [arranging, setArranging] = useState(false);
  useEffect(() => {
    setKept(null);
    setProblem(null);
    calls.dashboard(id).then(setKept).catch((error: unknown) => setProblem(problemOf(error)));
  }, [id]);
  if (problem && !kept) return <section class="panel"><Failure problem={problem} /></section>;
  if (!kept) return <Frame title="Dashboard"><Loading lines={6} /></Frame>;

  async function save(name: string, panels: Panel[]) {
    const before = kept!;
    setKept({ ...before, name, panels });
    try {
      setKept(await calls.saveDashboard(id, name, panels));
      setProblem(null);
    } catch (error) {
      setKept(before);
      setProblem(problemOf(error));
    }
  }
  return (
    <>
      <DashboardHead dashboard={kept} arranging={arranging} onArrange={() => setArranging(!arranging)} onRename={(name) => void save(name, kept.panels)} onLink={(link) => setKept({ ...kept, link })} />
      {problem && <Failure problem={problem} />}
      <Panels panels={kept.panels} arranging={arranging} onChange={(panels) => void save(kept.name, panels)} />
    </>
  );
}

interface HeadProps {
  dashboard: Dashboard;
  arranging: boolean;
  onArrange: () => void;
  onRename: (name: string) => void;
  onLink: (link: string | null) => void;
}

function DashboardHead({ dashboard, arranging, onArrange, onRename, onLink }: HeadProps) {
  const [sharing, setSharing] = useState(false);
  async function remove() {
    if (!confirm(`Remove the dashboard “${dashboard.name}”? Its link ends too.`)) return;
    try {
      await calls.removeDashboard(dashboard.id);
      go("/dashboards");
    } catch (error) {
      say(problemOf(error).detail);
    }
  }
  return (
    <div class="section-head">
      {arranging ? (
        <input class="title-input" aria-label="Name of the dashboard" value={dashboard.name} maxLength={100} onChange={(event) => event.currentTarget.value.trim() !== "" && onRename(event.currentTarget.value.trim())} />
      ) : (
        <h1><bdi>{visible(dashboard.name)}</bdi></h1>
      )}
      <div class="head-actions">
        {arranging && <button type="button" class="button danger" onClick={() => void remove()}>Remove</button>}
        <button type="button" class="button" aria-expanded={sharing} onClick={() => setSharing(!sharing)}>{dashboard.link ? "Shared" : "Share"}</button>
        <button type="button" class="button" aria-pressed={arranging} onClick={onArrange}>{arranging ? "Done" : "Arrange"}</button>
        {sharing && <Sharing dashboard={dashboard} onLink={onLink} onDone={() => setSharing(false)} />}
      </div>
    </div>
  );
}

function Sharing({ dashboard, onLink, onDone }: { dashboard: Dashboard; onLink: (link: string | null) => void; onDone: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => field.current?.select(), [dashboard.link]);
  async function change(action: () => Promise<string | null>) {
    try {
      onLink(await action());
    } catch (error) {
      setProblem(problemOf(error));
    }
  }
  return (
    <div class="popover" role="dialog" aria-label="Share this dashboard" onKeyDown={(event) => event.key === "Escape" && onDone()}>
      {dashboard.link ? (
        <>
          <p>Whoever has this link sees this dashboard, and nothing else. No key is needed.</p>
          <input ref={field} readOnly aria-label="Link" value={location.origin + dashboard.link} onFocus={(event) => event.currentTarget.select()} />
        </>
      ) : (
        <p>A link shows this dashboard, and nothing else, to whoever has it. You can withdraw it.</p>
      )}
      {problem && <Failure problem={problem} />}
      <div class="popover-actions">
        <button type="button" class="button" onClick={onDone}>Close</button>
        {dashboard.link ? (
          <>
            <button type="button" class="button danger" onClick={() => void change(async () => { await calls.unshareDashboard(dashboard.id); return null; })}>Withdraw</button>
            <button type="button" class="button primary" onClick={() => void navigator.clipboard.writeText(location.origin + dashboard.link!).then(() => say("The link is in the clipboard."), () => field.current?.select())}>Copy</button>
          </>
        ) : (
          <button type="button" class="button primary" onClick={() => void change(async () => (await calls.shareDashboard(dashboard.id)).link)}>Make a link</button>
        )}
      </div>
    </div>
  );
}

interface PanelsProps {
  panels: Panel[];
  arranging?: boolean;
  onChange?: (panels: Panel[]) => void;
}

export function Panels({ panels, arranging, onChange }: PanelsProps) {
  if (panels.length === 0) {
    return (
      <section class="panel">
        <Empty title="No panels yet">Ask something in <a data-in href="/explore">Explore</a> and save it here.</Empty>
      </section>
    );
  }
  const move = (from: number, to: number) => {
    const moved = [...panels];
    moved.splice(to, 0, ...moved.splice(from, 1));
    onChange!(moved);
  };
  return (
    <div class="grid dashboard">
      {panels.map((panel, i) => (
        <TopicPanel
          key={`${panel.topic}-${panel.kind}-${panel.title}`}
          panel={panel}
          tools={arranging ? <Arrange panel={panel} first={i === 0} last={i === panels.length - 1} onMove={(by) => move(i, i + by)} onSet={(part) => onChange!(panels.map((one, at) => (at === i ? { ...one, ...part } : one)))} onRemove={() => onChange!(panels.filter((_, at) => at !== i))} /> : undefined}
        />
      ))}
    </div>
  );
}

interface ArrangeProps {
  panel: Panel;
  first: boolean;
  last: boolean;
  onMove: (by: number) => void;
  onSet: (part: Partial<Panel>) => void;
  onRemove: () => void;
}

function Arrange({ panel, first, last, onMove, onSet, onRemove }: ArrangeProps) {
  const name = panel.title || "this panel";
  return (
    <span class="arrange">
      <button type="button" aria-label={`Move ${name} back`} disabled={first} onClick={() => onMove(-1)}><Icon name="left" size={15} /></button>
      <button type="button" aria-label={`Move ${name} on`} disabled={last} onClick={() => onMove(1)}><Icon name="right" size={15} /></button>
      <button type="button" aria-label={`Make ${name} ${panel.width === 4 ? "narrow" : "wider"}`} onClick={() => onSet({ width: (panel.width % 4) + 1 })}>{panel.width}/4</button>
      <button type="button" aria-label={`Remove ${name}`} onClick={onRemove}><Icon name="close" size={15} /></button>
    </span>
  );
}
