// What the health of the server says, worked out from its counters.
import type { Column, Health } from "../api/types";

export interface Sample {
  health: Health;
  at: number; // ms
}

// Events accepted a second over the samples; null with fewer than two, or after a restart in between.
export function acceptedRate(samples: Sample[]): number | null {
  if (samples.length < 2) return null;
  const first = samples[0];
  const last = samples[samples.length - 1];
  const events = last.health.audit.accepted - first.health.audit.accepted;
  const seconds = (last.at - first.at) / 1000;
  return seconds <= 0 || events < 0 ? null : events / seconds;
}

export const lagMs = (health: Health) => Math.max(0, ...health.partitions.map((partition) => partition.lag_ms));
export const waiting = (health: Health) =>
  health.partitions.reduce((sum, partition) => sum + Math.max(0, partition.durable_end - partition.stored_until), 0);

export interface Layer {
  name: string;
  bytes: number;
  times: number; // of the bytes that were accepted
}

// Bytes that each layer wrote, against those of the events that came in. Empty until something has come in.
export function amplification(health: Health): Layer[] {
  const written = health.written;
  if (!written || written.accepted_bytes <= 0) return [];
  const layer = (name: string, bytes: number) => ({ name, bytes, times: bytes / written.accepted_bytes });
  return [
    layer("Log", written.log_bytes),
    layer("Checkpoints and snapshots", written.snapshot_bytes),
    layer("Engine, merges included", written.engine_bytes),
  ];
}

export interface Audit {
  accepted: number;
  stored: number;
  repeats: number;
  failed: number;
  lost: number;
  waiting: number; // accepted, on disk, not processed yet
  holds: boolean;
  views: number | null;
}

export function audit(health: Health): Audit {
  const { accepted, stored, repeats, failed, lost, holds } = health.audit;
  const rest = Math.max(0, accepted - stored - repeats - failed - lost);
  return { accepted, stored, repeats, failed, lost, holds, waiting: rest, views: health.audit.views };
}

export interface Agreement {
  minutes: number; // whole ones that both know
  agree: number;
}

// The minutes of a view (by time and event) against those of the store (by time): each must count the same. The first minute of
// the store's answer and the one under way are in part only.
export function agreement(view: Column[], store: Column[], now: number): Agreement {
  const times = (columns: Column[]) => (columns.find((column) => column.type === "time")?.values ?? []) as number[];
  const counts = (columns: Column[]) => (columns.find((column) => column.name === "count")?.values ?? []) as (number | null)[];
  const sums = new Map<number, number>();
  const view_counts = counts(view);
  times(view).forEach((time, row) => sums.set(time, (sums.get(time) ?? 0) + (view_counts[row] ?? 0)));
  const store_counts = counts(store);
  const whole = times(store).map((time, row) => ({ time, count: store_counts[row] ?? 0 })).slice(1).filter(({ time }) => time + 60_000 <= now - 2000);
  return { minutes: whole.length, agree: whole.filter(({ time, count }) => (sums.get(time) ?? 0) === count).length };
}
