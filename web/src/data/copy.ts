// Answers and questions to take along.
import type { Column, Query } from "../api/types";

// Spreadsheets run a cell that begins so as a formula: an apostrophe before it makes it text.
function defused(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function csvCell(value: unknown, type: Column["type"]): string {
  if (value === null || value === undefined) return "";
  if (type === "time") return new Date(value as number).toISOString();
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = defused(typeof value === "string" ? value : JSON.stringify(value));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// RFC 4180. `previous` adds its measures under "previous …".
export function csv(columns: Column[], previous?: Column[]): string {
  const added = (previous ?? [])
    .filter((column) => column.name === "count" || column.name.includes("("))
    .map((column) => ({ ...column, name: `previous ${column.name}` }));
  const all = [...columns, ...added];
  const lines = [all.map((column) => csvCell(column.name, "string")).join(",")];
  const rows = columns.length === 0 ? 0 : columns[0].values.length;
  for (let row = 0; row < rows; row++) lines.push(all.map((column) => csvCell(column.values[row], column.type)).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

// A command for a POSIX shell.
export function curl(origin: string, query: Query): string {
  return `curl -s ${quoted(`${origin}/v1/query`)} -H "Authorization: Bearer $MILLRACE_KEY" -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(query))}`;
}
