// A dashboard by its link: to look at, without a key.
import { useEffect, useState } from "preact/hooks";
import { sharedDashboard } from "../api/calls";
import { Refusal } from "../api/http";
import type { Panel, Problem } from "../api/types";
import { visible } from "../data/format";
import { Failure, Frame, Loading } from "../panels/frame";
import { feedByLink } from "../state/live";
import { Connection, ThemeSwitch } from "./shell";
import { Panels } from "./dashboards";
import { Mark } from "./icons";

export function Shared({ token }: { token: string }) {
  const [found, setFound] = useState<{ name: string; panels: Panel[] } | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    sharedDashboard(token)
      .then((dashboard) => {
        feedByLink(token, dashboard.panels.map((panel) => panel.topic));
        setFound(dashboard);
      })
      .catch((error: unknown) => setProblem(error instanceof Refusal ? error.problem : { title: "The page failed", detail: String(error) }));
  }, [token]);
  return (
    <>
      <header class="top">
        <span class="brand"><Mark /><bdi class="shared-name">{found ? visible(found.name) : "Millrace"}</bdi></span>
        <div class="top-right"><Connection /><ThemeSwitch /></div>
      </header>
      <main class="page">
        <h1 class="unseen">{found?.name ?? "Shared dashboard"}</h1>
        {problem ? <section class="panel"><Failure problem={problem} /></section> : found ? <Panels panels={found.panels} /> : <Frame title="Dashboard"><Loading lines={6} /></Frame>}
      </main>
    </>
  );
}
