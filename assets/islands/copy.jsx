// A button that copies a text and says whether that worked. What it said is over when there is another text.
import { useEffect, useState } from "react";
import { copyText } from "./clipboard.js";

const WORDS = { idle: "Copy", done: "Copied", failed: "Select it and copy it yourself" };

export function CopyButton({ text, ...rest }) {
  const [phase, setPhase] = useState("idle");
  useEffect(() => setPhase("idle"), [text]);
  const copy = async () => setPhase((await copyText(text)) ? "done" : "failed");
  return (
    <button {...rest} type="button" onClick={copy}>
      <span role="status">{WORDS[phase]}</span>
    </button>
  );
}
