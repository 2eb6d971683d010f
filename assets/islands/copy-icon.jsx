// A small button that copies a text, or what a function gives, and shows for a moment whether that worked.
import { useEffect, useRef, useState } from "react";
import Check from "lucide-react/dist/esm/icons/check.mjs";
import Copy from "lucide-react/dist/esm/icons/copy.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";
import { copyText } from "./clipboard.js";

const SHOWN_MS = 1600;
const ICONS = { idle: Copy, done: Check, failed: X };
const WORDS = { idle: "", done: "Copied", failed: "Could not copy. Select it and copy it yourself." };

export function CopyIcon({ text, label }) {
  const [phase, setPhase] = useState("idle");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    setPhase((await copyText(typeof text === "function" ? text() : text)) ? "done" : "failed");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setPhase("idle"), SHOWN_MS);
  };
  const Icon = ICONS[phase];
  return (
    <button type="button" className="icon-button" data-testid="copy-message" aria-label={label} title={label} onClick={copy}>
      <Icon size={15} aria-hidden />
      <span className="sr-only" role="status">
        {WORDS[phase]}
      </span>
    </button>
  );
}
