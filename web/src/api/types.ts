// What the server answers. docs/openapi.yaml is the description.

export type Value = number | string | boolean | null;
// "list": values of top(…), each an array of [value, count].
export type Cell = Value | [Value, number][];

export interface Column {
  name: string;
  type: "time" | "integer" | "number" | "string" | "boolean" | "list";
  unit?: string;
  values: Cell[];
}

export interface Rows {
  columns: Column[];
  rows: number;
  cut?: string | null;
  hint?: string;
}

export interface Answer extends Rows {
  previous?: Rows;
  elapsed_ms?: number;
  rows_read?: number;
}

export type Filter = [string, ...unknown[]];

export interface Query {
  measures: string[];
  by?: string[];
  where?: Filter;
  range: string | [string, string];
  every?: string;
  time_zone?: string;
  order?: string[];
  limit?: number;
  compare?: "previous";
}

export interface StoredEvent {
  event: string;
  user_id?: string;
  anonymous_id?: string;
  session_id?: string;
  message_id?: string;
  time: string;
  received: string;
  place: string;
  properties: Record<string, unknown>;
  context?: Record<string, unknown>;
}

export interface FailedEvent {
  time: string;
  stage: string;
  reason: string;
  raw: string;
  truncated: boolean;
}

export interface Field {
  name: string;
  type: string;
  events: number;
  cardinality: number;
  examples: Value[];
}

export interface Schema {
  events: { event: string; count: number; first: string; last: string }[];
  fields: Field[];
  sampled_events: number;
}

export interface Health {
  version: string;
  ready: boolean;
  reason: string | null;
  generation: number;
  partitions: {
    partition: number;
    durable_end: number;
    stored_until: number;
    checkpoint_until: number;
    lag_ms: number;
    rows: number;
    repeats: number;
    failed: number;
    lost: number;
  }[];
  audit: { accepted: number; stored: number; repeats: number; failed: number; lost: number; holds: boolean; views: number | null };
  store: { open: boolean; reason: string | null };
  engine: null | {
    up: boolean;
    pid: number;
    starts: number;
    last_exit: string;
    version: string;
    resident_bytes: number;
    written_bytes: number;
    sandbox: { seccomp: boolean; landlock_abi: number };
  };
  failed_events_total: number;
  server_resident_bytes: number;
  // Since the start of the server.
  written?: { accepted_bytes: number; log_bytes: number; insert_bytes: number; snapshot_bytes: number; engine_bytes: number };
  disk?: { total_bytes: number; free_bytes: number; log_bytes: number };
  ids?: { remembered: number; window_s: number };
  http?: { connections: number; requests: number };
}

export type PanelKind = "line" | "area" | "bars" | "number" | "table" | "tail";

export interface Panel {
  title: string;
  kind: PanelKind;
  topic: string;
  width: number;
  compare: boolean;
}

export interface Dashboard {
  id: string;
  name: string;
  updated: string;
  link: string | null;
  panels: Panel[];
}

export interface Problem {
  type?: string;
  title: string;
  status?: number;
  detail: string;
}
