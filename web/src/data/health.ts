// What the health of the server says, worked out from its counters.
import type { Health } from "../api/types";

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
  return { accepted, stored, repeats, failed, lost, holds, waiting: rest, views: health.audit.views ?? null };
}
