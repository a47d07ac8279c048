import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal } from "../api/http";
import { logIn } from "../state/session";
import { Mark } from "./icons";

export function LogIn({ message }: { message: string }) {
  const [key, setKey] = useState("");
  const [trouble, setTrouble] = useState(message);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    setTrouble("");
    try {
      await logIn(key.trim());
    } catch (error) {
      setTrouble(error instanceof Refusal ? error.problem.detail : String(error));
      setBusy(false);
      field.current?.select();
    }
  }

  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <div class="login-brand">
          <Mark size={44} />
          <h1>Millrace</h1>
          <p>What your users do, as they do it.</p>
        </div>
        <input class="unseen" type="text" name="username" autocomplete="username" value="millrace" readOnly tabIndex={-1} aria-hidden="true" />
        <label>
          <span>Read key</span>
          <input
            ref={field}
            type="password"
            name="key"
            autocomplete="current-password"
            spellcheck={false}
            placeholder="mr_…"
            value={key}
            aria-invalid={trouble !== ""}
            aria-describedby="login-trouble"
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button primary" disabled={busy || key.trim() === ""}>
          {busy ? "Logging in…" : "Log in"}
        </button>
        <p id="login-trouble" class="login-trouble" role="alert">{trouble}</p>
        <p class="login-help">
          The server printed a read key at its first start; <code>millrace demo</code> prints its own. With the admin key in{" "}
          <code>$MILLRACE_KEY</code>, this makes another:
          <code class="login-command">millrace keys create --name me --scopes read <span>--url {location.origin}</span></code>
        </p>
      </form>
    </main>
  );
}
