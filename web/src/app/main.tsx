// The page: which part of it the address asks for, once somebody is logged in.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "./style.css";
import { checkSession, useSession } from "../state/session";
import { useStatus } from "../state/live";
import { useRoute } from "../state/route";
import { DashboardList, DashboardPage } from "./dashboards";
import { Explore } from "./explore";
import { Health } from "./health";
import { Mark } from "./icons";
import { LogIn } from "./login";
import { Overview } from "./overview";
import { Shared } from "./shared";
import { places, Shell } from "./shell";
import { Help, useShortcuts } from "./shortcuts";

function Place({ path }: { path: string }) {
  if (path === "/") return <Overview />;
  if (path === "/explore") return <Explore />;
  if (path === "/health") return <Health />;
  if (path === "/dashboards") return <DashboardList />;
  return <DashboardPage id={path.slice("/dashboards/".length)} />;
}

function Inside() {
  const { path } = useRoute();
  const [help, setHelp] = useState(false);
  const status = useStatus();
  useShortcuts(help, setHelp);
  useEffect(() => {
    if (status.phase === "ended") void checkSession();
  }, [status.phase]);
  useEffect(() => {
    const place = places.find(([one]) => one === path);
    document.title = place ? (path === "/" ? "Millrace" : `${place[1]} · Millrace`) : "Dashboard · Millrace";
  }, [path]);
  return (
    <Shell path={path} onHelp={() => setHelp(true)}>
      <Place path={path} />
      <Help open={help} onClose={() => setHelp(false)} />
    </Shell>
  );
}

function App() {
  const session = useSession();
  useEffect(() => void checkSession(), []);
  if (session.phase === "in") return <Inside />;
  if (session.phase === "out") return <LogIn message={session.message} />;
  return (
    <main class="login waiting-page">
      <Mark size={44} />
      <p role="status">{session.phase === "unreachable" ? "The server does not answer. It is tried again." : ""}</p>
    </main>
  );
}

const shared = /^\/d\/([^/]+)$/.exec(location.pathname);
render(shared ? <Shared token={shared[1]} /> : <App />, document.getElementById("app")!);
