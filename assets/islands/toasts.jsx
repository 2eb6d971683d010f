// Toasts: short words at the foot of the page that go by themselves, as the server says them with rx.toast. A toast stays
// while a mouse rests on it, while the keyboard is in it and while the page is out of sight; Alt+T leads into the newest.
import { useEffect, useState, useSyncExternalStore } from "react";
import { CircleAlert, CircleCheck, Info, TriangleAlert, X } from "lucide-react";
import { refs } from "$/utils/state";

const SHOWN_MS = 5000;
const MOST = 4;
const KINDS = { success: CircleCheck, error: CircleAlert, warning: TriangleAlert, info: Info };

let toasts = [];
let made = 0;
const readers = new Set();

const show = (next) => {
  toasts = next;
  readers.forEach((read) => read());
};
const listen = (reader) => {
  readers.add(reader);
  return () => readers.delete(reader);
};
const close = (id) => show(toasts.filter((one) => one.id !== id));

// The same words again are the same toast, which begins anew. Beyond the most, the oldest make room.
const say = (kind) => (words, { action, duration } = {}) => {
  const others = toasts.filter((one) => one.kind !== kind || one.words !== words);
  show([...others, { id: ++made, kind, words, action, duration: duration ?? SHOWN_MS }].slice(-MOST));
};

// Where Reflex looks for what it calls.
refs["__toast"] = Object.assign(say("plain"), Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, say(kind)])));

function Toast({ id, kind, words, action, duration }) {
  const [resting, setResting] = useState(() => document.hidden);
  useEffect(() => {
    if (resting) return undefined;
    const timer = setTimeout(() => close(id), duration);
    return () => clearTimeout(timer);
  }, [id, duration, resting]);
  useEffect(() => {
    const look = () => setResting(document.hidden);
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  const rest = () => setResting(true);
  const go = (event) => setResting(event.currentTarget.matches(":hover, :focus-within"));
  const Icon = KINDS[kind];
  return (
    <li className={`toast ${kind}`} data-testid="toast" onMouseEnter={rest} onMouseLeave={go} onFocus={rest} onBlur={go}>
      {Icon ? <Icon size={16} aria-hidden="true" /> : null}
      <span className="grow">{words}</span>
      {action ? (
        <button
          type="button"
          className="button primary small"
          onClick={(event) => {
            close(id);
            action.onClick(event);
          }}
        >
          {action.label}
        </button>
      ) : null}
      <button type="button" className="icon-button" aria-label="Close this message" onClick={() => close(id)}>
        <X size={16} aria-hidden="true" />
      </button>
    </li>
  );
}

const none = [];

export function Toasts() {
  const shown = useSyncExternalStore(listen, () => toasts, () => none);
  useEffect(() => {
    const lead = (event) => {
      if (!event.altKey || event.code !== "KeyT" || !toasts.length) return;
      event.preventDefault();
      document.querySelector(".toasts li:last-child button")?.focus();
    };
    document.addEventListener("keydown", lead);
    return () => document.removeEventListener("keydown", lead);
  }, []);
  // There before anything is said in it, or those who hear the page would not be told.
  return (
    <section className="toasts" aria-label="Notifications (Alt+T)" aria-live="polite" aria-relevant="additions text">
      <ol>{shown.map((one) => <Toast key={one.id} {...one} />)}</ol>
    </section>
  );
}
