// What a question asks, in a line.
import { visible } from "./format";
import type { Question } from "./question";

const range_words: Record<string, string> = {
  today: "today", yesterday: "yesterday", this_week: "this week", last_week: "last week", this_month: "this month",
  last_month: "last month", all: "all time",
};
const units: Record<string, [string, string]> = {
  s: ["second", "seconds"], m: ["minute", "minutes"], h: ["hour", "hours"], d: ["day", "days"], w: ["week", "weeks"],
};

export function rangeText(range: string): string {
  const word = /^(\d+)([smhdw])$/.exec(range);
  if (word) return Number(word[1]) === 1 ? `last ${units[word[2]][0]}` : `last ${word[1]} ${units[word[2]][1]}`;
  return range_words[range] ?? range.replace(",", " to ");
}

export function measureText(measure: string): string {
  if (measure === "count") return "Events";
  const call = /^(\w+)\((.*)\)$/s.exec(measure);
  if (!call) return measure;
  const [, word, inner] = call;
  const quantile = /^\s*([\d.]+)\s*,\s*(.*)$/s.exec(inner);
  if (word === "quantile" && quantile) return `${quantile[1] === "0.5" ? "Median" : `p${Number((Number(quantile[1]) * 100).toFixed(3))}`} of ${fieldText(quantile[2])}`;
  if (word === "uniq" && inner.trim() === "visitor") return "People";
  const words: Record<string, string> = { uniq: "Unique", sum: "Sum of", mean: "Mean of", min: "Minimum of", max: "Maximum of" };
  return `${words[word] ?? word} ${fieldText(inner)}`;
}

export const fieldText = (field: string) => visible(field.trim().replace(/^properties\./, ""));

export function titleOf(question: Question): string {
  const what = question.measures.map(measureText).join(", ");
  const by = question.by.length > 0 ? ` by ${question.by.map(fieldText).join(", ")}` : "";
  return `${what}${by}, ${rangeText(question.range)}`;
}
