// What is around every page: where one can go, how the connection is, how it looks.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { duration } from "../data/format";
import { useClock, useStatus, useTopic } from "../state/live";
import { logOut } from "../state/session";
import { chooseTheme, readTheme } from "../state/theme";
import type { Theme } from "../state/theme";
import { say, useToast } from "../state/toast";
import { Icon, Mark } from "./icons";

export const places = [
  ["/", "Overview", "overview"],
  ["/explore", "Explore", "explore"],
  ["/dashboards", "Dashboards", "dashboards"],
  ["/health", "Health", "health"],
] as const;

interface ShellProps {
  path: string;
  onHelp: () => void;
  children: ComponentChildren;
}

export function Shell({ path, onHelp, children }: ShellProps) {
  const toast = useToast();
  useTopic("health"); // so that the state of the connection is known on every page
  const here = (place: string) => path === place || (place === "/dashboards" && path.startsWith("/dashboards/"));
  return (
    <>
      <a class="skip" href="#content">To the content</a>
      <header class="top">
        <a data-in href="/" class="brand"><Mark /><span>Millrace</span></a>
        <nav aria-label="Pages">
          {places.map(([place, name, icon]) => (
            <a key={place} data-in href={place} aria-current={here(place) ? "page" : undefined}>
              <Icon name={icon} /><span>{name}</span>
            </a>
          ))}
        </nav>
        <div class="top-right">
          <Connection />
          <ThemeSwitch />
          <button type="button" class="icon-button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={onHelp}><Icon name="help" /></button>
          <button type="button" class="icon-button" aria-label="Log out" title="Log out" onClick={() => void logOut().catch(() => say("The server could not be told. Try again."))}><Icon name="out" /></button>
        </div>
      </header>
      <Interrupted />
      <main class="page" id="content" tabIndex={-1}>{children}</main>
      <div class={toast ? "toast shown" : "toast"} role="status">{toast}</div>
    </>
  );
}

// Live, or how old the numbers are.
export function Connection() {
  const status = useStatus();
  const now = useClock(1000);
  const age = status.heard === 0 ? "" : duration(Math.max(0, now - status.heard));
  const words = { idle: "Idle", connecting: "Connecting", live: "Live", down: age ? `${age} old` : "Not connected", ended: "Logged out" };
  const stale = status.phase === "live" && status.heard > 0 && now - status.heard > 20_000;
  const title = status.heard === 0 ? "Nothing was heard from the server yet" : `Heard from the server ${age} ago`;
  return (
    <span class={`connection ${stale ? "down" : status.phase}`} role="status" title={title}>
      <i aria-hidden="true" />
      <span>{stale ? `${age} old` : words[status.phase]}</span>
    </span>
  );
}

function Interrupted() {
  const status = useStatus();
  const now = useClock(1000);
  if (status.phase !== "down" || now - status.since < 1500) return null;
  return (
    <p class="interrupted" role="alert">
      Not connected to the server. The numbers are {status.heard === 0 ? "missing" : `${duration(now - status.heard)} old`}; it is tried again by itself.
    </p>
  );
}

const next_theme: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const theme_icon = { system: "system", light: "sun", dark: "moon" } as const;

export function switchTheme(): Theme {
  const next = next_theme[readTheme()];
  chooseTheme(next);
  dispatchEvent(new Event("millrace:theme"));
  return next;
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(readTheme());
  useThemeEvent(() => setTheme(readTheme()));
  const said = theme === "system" ? "as the system" : theme;
  return (
    <button type="button" class="icon-button" aria-label={`Look: ${said}. Switch.`} title={`Look: ${said}`} onClick={switchTheme}>
      <Icon name={theme_icon[theme]} />
    </button>
  );
}

function useThemeEvent(action: () => void): void {
  useEffect(() => {
    addEventListener("millrace:theme", action);
    return () => removeEventListener("millrace:theme", action);
  }, []);
}
