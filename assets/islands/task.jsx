// The agent's task. Uncontrolled, as the message field is: typing never waits for the server. What is written is kept in
// this browser until a run has begun with it, so that a way round by the payment page loses nothing.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const KEY = "loom:draft:agent";
const PAUSE_MS = 400;
const MAX_HEIGHT_PX = 320;

const onTouch = () => window.matchMedia("(pointer: coarse)").matches;

function requestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`;
  field.style.overflowY = field.scrollHeight > MAX_HEIGHT_PX ? "auto" : "hidden";
}

export function Task({ busy, basis, maxChars, onStart, onDraft, children }) {
  const field = useRef(null);
  const timer = useRef(0);
  const tell = useRef(onDraft);
  tell.current = onDraft;
  const [hasText, setHasText] = useState(false);

  const keep = useCallback((pause) => {
    const text = field.current.value;
    grow(field.current);
    setHasText(Boolean(text.trim()));
    if (text) localStorage.setItem(KEY, text);
    else localStorage.removeItem(KEY);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => tell.current?.(text), pause);
  }, []);
  useLayoutEffect(() => {
    field.current.value = localStorage.getItem(KEY) || "";
    grow(field.current);
    window.loomPlace?.restore(field.current, "/agent");
    setHasText(Boolean(field.current.value.trim()));
    if (!onTouch()) field.current.focus({ preventScroll: true });
    return () => clearTimeout(timer.current);
  }, []);
  // What its price rests on has changed.
  useEffect(() => {
    tell.current?.(field.current.value);
  }, [basis]);
  useEffect(() => {
    const fill = ({ detail }) => {
      field.current.value = detail;
      keep(0);
      field.current.focus();
      field.current.setSelectionRange(detail.length, detail.length);
    };
    window.addEventListener("loom:fill", fill);
    return () => window.removeEventListener("loom:fill", fill);
  }, [keep]);

  const start = (event) => {
    event?.preventDefault();
    if (busy || !field.current.value.trim()) return;
    onStart?.(field.current.value, requestId());
  };
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || onTouch()) return;
    event.preventDefault();
    start();
  };
  return (
    <form className="composer task" onSubmit={start} aria-label="New task">
      <textarea
        ref={field}
        id="task"
        data-testid="task"
        rows={2}
        maxLength={maxChars}
        placeholder="What should the agent do with your conversations?"
        aria-label="Task"
        onInput={() => keep(PAUSE_MS)}
        onKeyDown={onKeyDown}
      />
      <div className="composer-row">
        {children}
        <button type="submit" className="button primary small" data-testid="start-task" disabled={busy || !hasText}>
          {busy ? "Starting" : "Start"}
        </button>
      </div>
    </form>
  );
}

/** A run has begun with what was written. */
export function forgetTask() {
  localStorage.removeItem(KEY);
}
