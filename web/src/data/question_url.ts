// A question as the address of Explore, so that it can be kept, sent and gone back to.
import { everys, first_question, operators } from "./question";
import type { Condition, Operator, Question } from "./question";

const charts = ["area", "line", "bars", "number", "table"];

function conditionText({ field, operator, value }: Condition): string {
  return JSON.stringify(operator.endsWith("exists") ? [operator, field] : [operator, field, value]);
}

function readCondition(text: string): Condition | null {
  try {
    const [operator, field, value] = JSON.parse(text) as string[];
    if (!operators.includes(operator as Operator) || typeof field !== "string") return null;
    return { operator: operator as Operator, field, value: typeof value === "string" ? value : "" };
  } catch {
    return null;
  }
}

// What differs from the first question.
export function questionToUrl(question: Question): string {
  const parameters = new URLSearchParams();
  for (const measure of question.measures) parameters.append("m", measure);
  for (const field of question.by) parameters.append("by", field);
  for (const condition of question.where) parameters.append("w", conditionText(condition));
  if (question.range !== first_question.range) parameters.set("range", question.range);
  if (question.every !== first_question.every) parameters.set("every", question.every);
  if (question.compare) parameters.set("compare", "1");
  if (question.chart !== first_question.chart) parameters.set("chart", question.chart);
  if (question.measures.length === 1 && question.measures[0] === "count") parameters.delete("m");
  const text = parameters.toString();
  return text === "" ? "/explore" : `/explore?${text}`;
}

// What can't be understood is left out.
export function questionFromUrl(search: string): Question {
  const parameters = new URLSearchParams(search);
  const measures = parameters.getAll("m").slice(0, 10);
  const every = parameters.get("every") ?? "auto";
  const chart = parameters.get("chart") ?? first_question.chart;
  return {
    measures: measures.length > 0 ? [...new Set(measures)] : ["count"],
    by: [...new Set(parameters.getAll("by"))].slice(0, 3),
    where: parameters.getAll("w").map(readCondition).filter((one): one is Condition => one !== null),
    range: parameters.get("range") ?? first_question.range,
    every: every === "none" || everys.includes(every) ? every : "auto",
    compare: parameters.get("compare") === "1",
    chart: (charts.includes(chart) ? chart : first_question.chart) as Question["chart"],
  };
}
