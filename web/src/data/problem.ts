// What is said of a topic that has no answer.
import type { Problem } from "../api/types";

// What may go otherwise the next time is asked by the server again, as often as the topic says.
export function triedAgain(problem: Problem): Problem {
  const passing = problem.status !== undefined && [422, 429, 503].includes(problem.status);
  const detail = problem.detail.replace(/\.?$/, ".");
  return passing ? { ...problem, detail: `${detail} It is tried again by itself.` } : problem;
}
