import { useEffect, useState } from "preact/hooks";
import { failed as askFailed } from "../api/calls";
import { Refusal } from "../api/http";
import type { FailedEvent, Health as HealthAnswer, Problem } from "../api/types";
import { bytes, clock, cut, duration, number, short } from "../data/format";
import { acceptedRate, agreement, amplification, audit, lagMs, waiting } from "../data/health";
import { topicOf } from "../data/question";
import { Empty, Failure, Frame, Loading } from "../panels/frame";
import { Stat } from "../panels/stats";
import { useTopic } from "../state/live";

export function Health() {
  const state = useTopic("health");
  const health = state.health;
  if (!health) {
    return (
      <>
        <h1 class="unseen">Health</h1>
        <Frame title="Health">{state.error ? <Failure problem={state.error} /> : <Loading lines={8} />}</Frame>
      </>
    );
  }
  const rate = acceptedRate(state.healthBefore.slice(-6));
  const lag = lagMs(health);
  return (
    <>
      <h1 class="unseen">Health</h1>
      <AuditLine health={health} />
      <dl class="stats">
        <Stat label="Rate in" value={rate === null ? null : short(Math.round(rate))}>events a second</Stat>
        <Stat label="Lag" value={duration(lag)}>{number(waiting(health))} events wait for the store</Stat>
        <Stat label="Repeats dropped" value={short(health.audit.repeats)} exact={number(health.audit.repeats)}>
          {health.ids ? `${short(health.ids.remembered)} ids of ${duration(health.ids.window_s * 1000)} remembered` : ""}
        </Stat>
        <Stat label="Failed events" value={short(health.failed_events_total)} exact={number(health.failed_events_total)}>refused since the start</Stat>
      </dl>
      <div class="grid three">
        <Frame title="What runs"><Parts health={health} /></Frame>
        <Frame title="Written to disk" note="for each byte that came in"><Amplification health={health} /></Frame>
        <Frame title="Memory and disk"><Resources health={health} /></Frame>
      </div>
      <FailedEvents total={health.failed_events_total + health.audit.failed} />
    </>
  );
}

// accepted = stored + repeats + failed, and the views agree.
function AuditLine({ health }: { health: HealthAnswer }) {
  const line = audit(health);
  const settled = line.waiting === 0;
  const verdict = !line.holds ? "It does not add up" : settled ? "It adds up" : "It adds up; the newest are on their way";
  return (
    <section class={`panel audit ${line.holds ? "good" : "bad"}`} aria-label="Audit">
      <div class="audit-line">
        <Term name="accepted" value={line.accepted} />
        <Term sign="=" name="stored" value={line.stored} />
        <Term sign="+" name="repeats" value={line.repeats} minor />
        <Term sign="+" name="failed" value={line.failed} minor />
        {line.lost > 0 && <Term sign="+" name="lost" value={line.lost} minor />}
        {line.waiting > 0 && <Term sign="+" name="on the way" value={line.waiting} minor />}
        {line.views !== null && <Term sign="·" name="in the views, as stored" value={line.views} minor />}
      </div>
      <p class="audit-verdict"><i aria-hidden="true" />{verdict}</p>
      <ViewsAgreement />
    </section>
  );
}

// The live views against the store, minute by minute of the last hour.
function ViewsAgreement() {
  const view = useTopic("view:events_by_minute;window=1h");
  const store = useTopic(topicOf({ measures: ["count"], range: "1h", every: "minute" }, "2s"));
  if (!view.table || !store.table) return null;
  const { minutes, agree } = agreement(view.table.columns, store.table.columns, store.asOf);
  const all = minutes === agree;
  return (
    <p class={`audit-verdict ${all ? "" : "behind"}`}>
      <i aria-hidden="true" />
      {all ? `The live views count what the store counts, in each of the last ${minutes} minutes` : `The live views and the store agree on ${agree} of the last ${minutes} minutes`}
    </p>
  );
}

// A number with its name below it, and what joins it to the one before.
function Term({ sign, name, value, minor }: { sign?: string; name: string; value: number; minor?: boolean }) {
  return (
    <span class={`audit-group ${minor ? "minor" : ""}`}>
      {sign && <span class="audit-sign">{sign}</span>}
      <span class="audit-term"><b>{number(value)}</b><span>{name}</span></span>
    </span>
  );
}

function Fact({ name, value, note, bad }: { name: string; value: string; note?: string; bad?: boolean }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class={bad ? "bad" : ""}>{value}{note && <small>{note}</small>}</dd>
    </div>
  );
}

function Parts({ health }: { health: HealthAnswer }) {
  const { engine, store } = health;
  return (
    <dl class="facts">
      <Fact name="Taking events" value={health.ready ? "yes" : "no"} note={health.reason ?? undefined} bad={!health.ready} />
      <Fact name="Store" value={store.open ? "open" : "not open"} note={store.reason ?? undefined} bad={!store.open} />
      <Fact name="Engine" value={engine ? (engine.up ? "up" : "down") : "none of our own"} note={engine ? engine.version : undefined} bad={engine ? !engine.up : false} />
      {engine && <Fact name="Engine restarts" value={number(Math.max(0, engine.starts - 1))} note={engine.last_exit || undefined} />}
      {engine && <Fact name="Sandbox" value={engine.sandbox.seccomp ? "seccomp" : "no seccomp"} note={engine.sandbox.landlock_abi > 0 ? `Landlock ABI ${engine.sandbox.landlock_abi}` : "no Landlock"} bad={!engine.sandbox.seccomp} />}
      {health.http && <Fact name="Connections" value={number(health.http.connections)} note={`${short(health.http.requests)} requests`} />}
      <Fact name="Version" value={health.version} note={`stream generation ${health.generation}`} />
    </dl>
  );
}

function Amplification({ health }: { health: HealthAnswer }) {
  const layers = amplification(health);
  if (layers.length === 0) return <Empty title="Nothing came in since the start" />;
  const largest = Math.max(...layers.map((layer) => layer.times), 1);
  const sum = layers.reduce((total, layer) => total + layer.times, 0);
  return (
    <>
      <ol class="bars">
        {layers.map((layer) => (
          <li key={layer.name}>
            <div class="bar">
              <span class="bar-fill" style={{ width: `${(layer.times / largest) * 100}%` }} aria-hidden="true" />
              <span class="bar-name">{layer.name}</span>
              <span class="bar-share">{bytes(layer.bytes)}</span>
              <span class="bar-value">{layer.times.toFixed(2)}×</span>
            </div>
          </li>
        ))}
      </ol>
      <p class="panel-foot">{sum.toFixed(2)}× in all, of {bytes(health.written!.accepted_bytes)} that came in since the start.</p>
    </>
  );
}

function Resources({ health }: { health: HealthAnswer }) {
  const { disk } = health;
  return (
    <dl class="facts">
      <Fact name="Server's memory" value={bytes(health.server_resident_bytes)} />
      {health.engine && <Fact name="Engine's memory" value={bytes(health.engine.resident_bytes)} />}
      {disk && <Fact name="Disk free" value={bytes(disk.free_bytes)} note={`of ${bytes(disk.total_bytes)}`} bad={disk.free_bytes < disk.total_bytes * 0.05} />}
      {disk && <Fact name="Log on disk" value={bytes(disk.log_bytes)} />}
      {health.partitions.map((partition) => (
        <Fact key={partition.partition} name={`Partition ${partition.partition}`} value={number(partition.durable_end)} note={`checkpoint at ${number(partition.checkpoint_until)}`} />
      ))}
    </dl>
  );
}

// `total`: asked for again when it changes.
function FailedEvents({ total }: { total: number }) {
  const [list, setList] = useState<FailedEvent[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    let gone = false;
    const timer = setTimeout(async () => {
      try {
        const { failed } = await askFailed(50);
        if (!gone) setList(failed);
      } catch (error) {
        if (!gone && error instanceof Refusal) setProblem(error.problem);
      }
    }, list === null ? 0 : 1000);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [total]);
  return (
    <Frame title="Failed events" note="newest first">
      {!list && problem && <Failure problem={problem} />}
      {!list && !problem && <Loading />}
      {list?.length === 0 && <Empty title="None">Events that can't be taken or stored are kept here, with the reason.</Empty>}
      {list && list.length > 0 && (
        <div class="table-holder" tabIndex={0} role="region" aria-label="Failed events">
          <table class="failed">
            <thead><tr><th scope="col">Time</th><th scope="col">At</th><th scope="col">Reason</th><th scope="col">As it came</th></tr></thead>
            <tbody>
              {list.map((one, i) => (
                <tr key={`${one.time}-${i}`}>
                  <td title={one.time}>{clock(Date.parse(one.time), true)}</td>
                  <td>{one.stage === "ingest" ? "the door" : "the store"}</td>
                  <td><bdi>{cut(one.reason, 200)}</bdi></td>
                  <td><code><bdi>{cut(one.raw, 160)}</bdi></code></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Frame>
  );
}
