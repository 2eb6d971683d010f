// Takes a file of conversations to the server as it is and says what became of it.
import { useRef, useState } from "react";
import { backendUrl } from "./backend.js";

const MAX_BYTES = 32_000_000;

async function bringIn(file) {
  if (file.size > MAX_BYTES) return { words: "That file is larger than 32 MB. Bring in single conversations instead." };
  try {
    const answer = await fetch(backendUrl("/api/conversations/import"), { method: "POST", credentials: "include", body: file });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) return { words: body.error ?? "That did not work. Nothing was brought in." };
    const count = body.ids.length;
    return { made: true, words: `${count} ${count === 1 ? "conversation is" : "conversations are"} in your list now.` };
  } catch {
    return { words: "The server cannot be reached. Please try again in a moment." };
  }
}

export function ImportFile({ onMade }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState({ words: "" });
  const field = useRef(null);
  const take = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    setBusy(true);
    setSaid({ words: "" });
    const outcome = await bringIn(file);
    // The same file can be chosen once more.
    field.current.value = "";
    setBusy(false);
    setSaid(outcome);
    if (outcome.made) onMade?.();
  };
  return (
    <div className="stack tight">
      <div>
        <button type="button" className="button" disabled={busy} onClick={() => field.current.click()}>
          {busy ? "Bringing it in" : "Choose a file"}
        </button>
        <input
          ref={field}
          type="file"
          accept=".json,.zip,application/json,application/zip"
          className="sr-only"
          tabIndex={-1}
          aria-label="File of conversations"
          data-testid="import-file"
          onChange={take}
        />
      </div>
      <p className={said.made ? "quiet" : "form-error"} role="status" data-testid="import-outcome">
        {said.words}
      </p>
    </div>
  );
}
