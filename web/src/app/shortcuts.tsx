// The keyboard: single keys while no field has the focus, and a page that lists them.
import { useEffect, useRef } from "preact/hooks";
import { go } from "../state/route";
import { say } from "../state/toast";
import { switchTheme } from "./shell";

const keys: Record<string, [string, () => void]> = {
  o: ["Overview", () => go("/")],
  e: ["Explore", () => go("/explore")],
  d: ["Dashboards", () => go("/dashboards")],
  h: ["Health", () => go("/health")],
  p: ["Pause or go on with the live events", () => dispatchEvent(new Event("millrace:pause"))],
  r: ["Ask again (Explore)", () => dispatchEvent(new Event("millrace:again"))],
  t: ["Look: light, dark, as the system", () => say(`Look: ${switchTheme()}`)],
};

export function useShortcuts(help: boolean, setHelp: (open: boolean) => void): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
      if ((event.target as Element).closest?.("input, select, textarea, [contenteditable]")) return;
      if (event.key === "?") setHelp(!help);
      else if (!help && keys[event.key]) keys[event.key][1]();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, [help]);
}

export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current!.open) dialog.current!.showModal();
    if (!open && dialog.current!.open) dialog.current!.close();
  }, [open]);
  return (
    <dialog ref={dialog} aria-label="Keyboard shortcuts" onClose={onClose} onClick={(event) => event.target === dialog.current && onClose()}>
      <h2>Keyboard</h2>
      <dl>
        {Object.entries(keys).map(([key, [what]]) => (
          <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>
        ))}
        <div><dt><kbd>Tab</kbd></dt><dd>To the next thing; <kbd>Enter</kbd> opens it</dd></div>
        <div><dt><kbd>?</kbd></dt><dd>This page</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>Closes what is open</dd></div>
      </dl>
      <button type="button" class="button" onClick={onClose}>Close</button>
    </dialog>
  );
}
