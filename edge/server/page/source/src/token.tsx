/** The token, where the server asks for one: typed here, or brought by the address (#token=…). */
import { useState } from "preact/hooks";
import { Button, Dialog } from "./controls";
import { loadPacks } from "./packs";
import { openSession, ServerError, tokenNeeded } from "./server";
import { useStore } from "./store";
import { say } from "./words";

/** Take a token out of the address bar and show it to the server. */
export async function takeToken(): Promise<void> {
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (!found) return;
  history.replaceState(null, "", location.pathname);
  await openSession(decodeURIComponent(found[1]!)).catch(() => undefined);
}

export function TokenDialog() {
  const needed = useStore(tokenNeeded);
  return needed ? <TokenForm /> : null;
}

function TokenForm() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const open = async () => {
    try {
      await openSession(token);
      await loadPacks();
    } catch (error) {
      const wrong = error instanceof ServerError && error.problem.status === 401;
      setProblem(wrong ? say("token.wrong") : say("error.unreachable"));
    }
  };
  return (
    <Dialog title={say("token.title")}>
      <p class="hint">{say("token.hint")}</p>
      <form
        class="equipment-form"
        onSubmit={(event) => {
          event.preventDefault();
          void open();
        }}
      >
        <label>
          {say("token.label")}
          <input
            class="field code"
            type="password"
            value={token}
            autocomplete="current-password"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <Button kind="primary" type="submit" label={say("token.open")} disabled={!token} />
      </form>
    </Dialog>
  );
}
