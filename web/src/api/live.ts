// GET /v1/live: what changes on the server, as it changes.
//
// One feed holds what is known of each topic that somebody watches. It opens as few connections as the length of an
// address allows, goes on after an interruption where it was (Last-Event-ID), and lets go while nobody looks.
import type { Column, Health, Problem, Rows, StoredEvent } from "./types";
import { LiveTable } from "../data/table";
import { addEvents } from "../data/tail";

export interface TopicState {
  version: number; // rises with each frame
  table: LiveTable | null;
  previous: Rows | null;
  cut: string | null;
  hint: string;
  events: StoredEvent[] | null; // newest first
  leftOut: number;
  health: Health | null;
  healthBefore: { health: Health; at: number }[]; // the last minute, oldest first
  asOf: number; // server's time in ms; 0: unknown
  seen: number; // this browser's time in ms at the last frame; 0: none yet
  error: Problem | null;
}

export type Phase = "idle" | "connecting" | "live" | "down" | "ended";
export interface Status {
  phase: Phase;
  since: number; // ms
  heard: number; // ms, of the last frame or sign of life; 0: none yet
}

export interface FrameData {
  topic: string;
  seq?: number;
  as_of?: number;
  columns?: Column[];
  rows?: number;
  removed_before?: number;
  previous?: Rows;
  cut?: string | null;
  hint?: string;
  events?: StoredEvent[];
  left_out?: number;
  health?: Health;
  status?: number;
  title?: string;
  detail?: string;
}

export interface SourceEvents {
  opened(): void;
  frame(kind: string, data: FrameData, id: string): void;
  down(ended: boolean): void; // ended: the server doesn't let us in any more
}
export interface Source {
  close(): void;
}
export type OpenSource = (topics: string[], lastId: string, on: SourceEvents) => Source;

interface Group {
  topics: string[];
  source: Source;
  lastId: string;
  up: boolean;
}

interface Timers {
  now(): number;
  later(action: () => void, ms: number): void;
}

const address_bytes_max = 6500;
const topics_max = 32; // that the server takes on one connection
const retry_ms = [250, 500, 1000, 2000, 4000];

export function emptyState(): TopicState {
  return {
    version: 0, table: null, previous: null, cut: null, hint: "", events: null, leftOut: 0,
    health: null, healthBefore: [], asOf: 0, seen: 0, error: null,
  };
}

// Topics by connection, in the order in which they were asked for.
export function packTopics(topics: string[]): string[][] {
  const groups: string[][] = [];
  let bytes = address_bytes_max;
  for (const topic of topics) {
    const size = encodeURIComponent(topic).length + "&topic=".length;
    if (groups.length === 0 || bytes + size > address_bytes_max || groups[groups.length - 1].length === topics_max) {
      groups.push([]);
      bytes = 0;
    }
    groups[groups.length - 1].push(topic);
    bytes += size;
  }
  return groups;
}

export class Feed {
  status: Status = { phase: "idle", since: 0, heard: 0 };
  private readonly topics = new Map<string, { state: TopicState; listeners: Set<() => void> }>();
  private readonly watchers = new Set<() => void>();
  private groups: Group[] = [];
  private planned = false;
  private paused = false;
  private failures = 0;

  // `fill`, called when a connection opens, brings what came before of a topic that only tells what is new.
  constructor(
    private readonly open: OpenSource,
    private readonly fill: (topic: string) => Promise<FrameData | null> = () => Promise.resolve(null),
    private readonly timers: Timers = { now: () => Date.now(), later: (action, ms) => void setTimeout(action, ms) },
  ) {}

  // `listener` is called after each frame of the topic. Several may watch one topic.
  watch(topic: string, listener: () => void): () => void {
    let entry = this.topics.get(topic);
    if (!entry) {
      entry = { state: emptyState(), listeners: new Set() };
      this.topics.set(topic, entry);
      this.plan();
    }
    entry.listeners.add(listener);
    return () => {
      entry!.listeners.delete(listener);
      this.plan();
    };
  }

  state(topic: string): TopicState {
    return this.topics.get(topic)?.state ?? nothing;
  }

  onStatus(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  // While nobody looks, connections are for others.
  pause(paused: boolean): void {
    if (this.paused !== paused) {
      this.paused = paused;
      this.failures = 0;
      this.plan();
    }
  }

  // At once, until pause(false).
  close(): void {
    this.paused = true;
    this.settle();
  }

  // Connections follow from what is watched, a moment later: a page that changes lets go and asks anew at once.
  private plan(): void {
    if (!this.planned) {
      this.planned = true;
      this.timers.later(() => {
        this.planned = false;
        this.settle();
      }, 30);
    }
  }

  private settle(): void {
    for (const [topic, entry] of this.topics) {
      if (entry.listeners.size === 0) this.topics.delete(topic);
    }
    const wanted = this.paused ? [] : packTopics([...this.topics.keys()]);
    const same = (a: string[], b: string[]) => a.length === b.length && a.every((topic, i) => topic === b[i]);
    const kept = this.groups.filter((group) => wanted.some((topics) => same(topics, group.topics)));
    for (const group of this.groups) {
      if (!kept.includes(group)) group.source.close();
    }
    this.groups = kept;
    for (const topics of wanted) {
      if (!kept.some((group) => same(topics, group.topics))) this.connect(topics, "");
    }
    this.say();
  }

  private connect(topics: string[], lastId: string): void {
    const group: Group = { topics, lastId, up: false, source: { close() {} } };
    this.groups.push(group);
    group.source = this.open(topics, lastId, {
      opened: () => {
        group.up = true;
        this.failures = 0;
        this.heard();
        // What is on its way into the store at first is there a little later.
        for (const wait of [0, 2500]) this.timers.later(() => void this.fillIn(group), wait);
      },
      frame: (kind, data, id) => {
        if (!this.groups.includes(group)) return;
        group.up = true;
        if (id !== "") group.lastId = id;
        this.apply(kind, data);
        this.heard();
      },
      down: (ended) => this.lost(group, ended),
    });
  }

  private lost(group: Group, ended: boolean): void {
    if (!this.groups.includes(group)) return;
    group.source.close();
    this.groups = this.groups.filter((other) => other !== group);
    if (ended) {
      this.set("ended");
      return;
    }
    const wait = retry_ms[Math.min(this.failures++, retry_ms.length - 1)];
    this.set("down");
    this.timers.later(() => {
      const watched = group.topics.every((topic) => this.topics.has(topic));
      if (!this.paused && watched && !this.groups.some((other) => other.topics === group.topics)) {
        this.connect(group.topics, group.lastId);
      } else {
        this.plan();
      }
    }, wait);
  }

  private async fillIn(group: Group): Promise<void> {
    for (const topic of group.topics) {
      if (!this.groups.includes(group)) return;
      const before = await this.fill(topic).catch(() => null);
      if (before && this.groups.includes(group)) this.apply("tail", before);
    }
  }

  private apply(kind: string, data: FrameData): void {
    const entry = this.topics.get(data.topic);
    if (!entry) return;
    applyFrame(entry.state, kind, data, this.timers.now());
    for (const listener of entry.listeners) listener();
  }

  private heard(): void {
    this.status = { ...this.status, heard: this.timers.now() };
    this.say();
  }

  private say(): void {
    if (this.status.phase === "ended" && this.groups.length === 0) return;
    if (this.groups.length === 0) {
      this.set(this.topics.size === 0 || this.paused ? "idle" : "down");
    } else {
      this.set(this.groups.every((group) => group.up) ? "live" : this.failures > 0 ? "down" : "connecting");
    }
  }

  private set(phase: Phase): void {
    if (phase !== this.status.phase) this.status = { ...this.status, phase, since: this.timers.now() };
    for (const watcher of this.watchers) watcher();
  }
}

const nothing = emptyState();

// One frame, folded into what is known of its topic.
export function applyFrame(state: TopicState, kind: string, data: FrameData, now: number): void {
  state.version += 1;
  state.seen = now;
  if (data.as_of !== undefined) state.asOf = data.as_of;
  if (kind === "error") {
    state.error = { title: data.title ?? "It could not be answered", status: data.status, detail: data.detail ?? "" };
    return;
  }
  state.error = null;
  if (kind === "snapshot" && data.columns) {
    state.table = new LiveTable(data.columns);
    state.previous = data.previous ?? null;
    state.cut = data.cut ?? null;
    state.hint = data.hint ?? "";
  } else if (kind === "delta" && data.columns && state.table) {
    state.table.merge(data.columns);
  } else if (kind === "tail" && data.events) {
    state.events = addEvents(state.events ?? [], data.events);
    state.leftOut += data.left_out ?? 0;
  } else if (kind === "health") {
    const health = (data.health ?? data) as Health;
    state.health = health;
    state.healthBefore = [...state.healthBefore.filter((one) => one.at > now - 60_000), { health, at: now }];
  }
  if (data.removed_before !== undefined) state.table?.removeBefore(data.removed_before);
}
