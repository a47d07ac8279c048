// Numbers, times and sizes as people read them.

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

// 1,234,567; 12.35; 0.00123; at most four digits that mean something behind the point.
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return whole.format(value);
  const size = Math.abs(value);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.001 ? 4 : 6;
  return Number(value.toFixed(digits)).toLocaleString("en", { maximumFractionDigits: digits });
}

// 1.2M: where there is little room.
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return Math.abs(value) < 1000 ? number(value) : compact.format(value);
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

// "340 ms", "4.2 s", "3 min", "5 h", "2 d"
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

const two = (value: number) => String(value).padStart(2, "0");

// "14:03:22.118", in the browser's time zone.
export function clock(time: number, milliseconds = false): string {
  const date = new Date(time);
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return milliseconds ? `${text}.${String(date.getMilliseconds()).padStart(3, "0")}` : text;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

// A bucket's begin, as finely as buckets of `every` need it.
export function bucket(time: number, every: string | undefined): string {
  const date = new Date(time);
  const day = `${date.getDate()} ${months[date.getMonth()]}`;
  switch (every) {
    case "second":
      return clock(time);
    case "month":
      return `${months[date.getMonth()]} ${date.getFullYear()}`;
    case "week":
    case "day":
      return `${weekdays[date.getDay()]} ${day} ${date.getFullYear()}`;
    default:
      return `${day}, ${two(date.getHours())}:${two(date.getMinutes())}`;
  }
}

// "3 Mar 2026, 14:03"
export function moment(time: number): string {
  const date = new Date(time);
  return `${date.getDate()} ${months[date.getMonth()]} ${date.getFullYear()}, ${two(date.getHours())}:${two(date.getMinutes())}`;
}

// "+12%", "−3.4%", "×12"; nothing when there is nothing to compare with.
export function change(now: number | null, before: number | null): { text: string; sign: number } | null {
  if (now === null || before === null || before === 0) return null;
  const ratio = now / before - 1;
  if (ratio >= 9) return { text: `×${short(Math.round(now / before))}`, sign: 1 };
  const percent = Math.abs(ratio) * 100;
  const text = percent >= 10 ? Math.round(percent).toString() : percent.toFixed(1);
  const sign = Number(text) === 0 ? 0 : Math.sign(ratio);
  return { text: `${sign > 0 ? "+" : sign < 0 ? "−" : "±"}${text}%`, sign };
}

// Text from outside, cut to what a line can show; nothing in it is unseen.
export function cut(text: string, length: number): string {
  if (text.length <= length) return visible(text);
  return `${visible(text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, ""))}…`;
}

// What has no shape of its own, or turns the order of its neighbours round: controls, marks of direction, fillers, halves of characters.
const unseen = /(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/gu;
const mark = (one: string) => `‹U+${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}›`;

// Text from outside with a mark in the place of each character that can't be seen; of spaces alone, with one for each.
export function visible(text: string): string {
  if (text.trim() === "") return text.replace(/./gsu, mark);
  return text.replace(/\r?\n/g, "↵").replace(/\t/g, "⇥").replace(unseen, (one, at: number, whole: string) => {
    const joins = (one === "\u200c" || one === "\u200d") && /[^\0-\x7f]/.test(whole[at - 1] ?? "") && /[^\0-\x7f]/.test(whole[at + 1] ?? "");
    return joins ? one : mark(one); // emoji and some scripts need joiners
  });
}

// The same for JSON, which stays JSON.
export function visibleJson(json: string): string {
  return json.replace(unseen, (one) =>
    one === "\n" ? one : one.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""));
}

// A long name without spaces in two: what may give way, and an end that tells it from others. The end doesn't begin within a number.
export function headAndEnd(text: string): [string, string] {
  if (text.length <= 20 || !/^[\x21-\x7e]+$/.test(text)) return [text, ""];
  let begin = text.length - 6;
  while (begin > text.length - 14 && /\d\d/.test(text.slice(begin - 1, begin + 1))) begin -= 1;
  return [text.slice(0, begin), text.slice(begin)];
}
