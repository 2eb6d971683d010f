// The message field. It is uncontrolled: typing never waits for the server. The draft is kept per conversation in this
// browser and told to the server only after a pause, for the estimate. Enter sends with a keyboard and breaks the line
// on touch screens; Send turns into Stop in the same place while a reply runs.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import ArrowUp from "lucide-react/dist/esm/icons/arrow-up.mjs";
import Square from "lucide-react/dist/esm/icons/square.mjs";

const PAUSE_MS = 400;
const MAX_HEIGHT_PX = 240;
// What the server takes is counted in bytes; no character has more than four.
const MAX_CHARS = 500_000;

const draftKey = (conversationId) => `loom:draft:${conversationId || "new"}`;

function requestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`;
  field.style.overflowY = field.scrollHeight > MAX_HEIGHT_PX ? "auto" : "hidden";
}

const onTouch = () => window.matchMedia("(pointer: coarse)").matches;

// `ready` once the server has said which conversation this is. Until then, and while a new chat gets its address, what
// is being typed stays where it is.
function useDraft(field, { conversationId, ready, running, basis }, onDraft, onText) {
  const timer = useRef(0);
  const shown = useRef({});
  const tell = useRef(onDraft);
  tell.current = onDraft;
  const keep = useCallback(
    (now) => {
      clearTimeout(timer.current);
      if (!ready) return;
      const text = field.current.value;
      if (text) localStorage.setItem(draftKey(conversationId), text);
      else localStorage.removeItem(draftKey(conversationId));
      const say = () => tell.current?.(text);
      if (now || !text) say();
      else timer.current = setTimeout(say, PAUSE_MS);
    },
    [conversationId, ready, field],
  );
  // Before the browser takes the next key: a new chat's page replaces the field while its second message is typed.
  useLayoutEffect(() => {
    if (!onTouch()) field.current.focus({ preventScroll: true });
  }, [conversationId, field]);
  const wasRunning = useRef(running);
  useLayoutEffect(() => {
    const element = field.current;
    if (!ready) return undefined;
    const loading = shown.current.id === undefined;
    const born = shown.current.id === "" && wasRunning.current;
    shown.current.id = conversationId;
    const typed = loading || born ? element.value : "";
    if (born) localStorage.removeItem(draftKey(""));
    element.value = typed || localStorage.getItem(draftKey(conversationId)) || "";
    grow(element);
    onText(Boolean(element.value.trim()));
    return () => {
      clearTimeout(timer.current);
      if (element.value) localStorage.setItem(draftKey(conversationId), element.value);
    };
  }, [conversationId, ready, field, onText]);
  useEffect(() => {
    wasRunning.current = running;
  }, [running]);
  // An empty field is told too: no price of an earlier draft may stand beside it.
  useEffect(() => {
    if (!ready) return;
    clearTimeout(timer.current);
    tell.current?.(field.current.value);
  }, [ready, basis, field]);
  return keep;
}

function useStopKey(running, onStop) {
  useEffect(() => {
    if (!running) return undefined;
    const listen = (event) => {
      if (event.key !== "Escape" || document.querySelector("dialog[open], details.menu[open]")) return;
      event.preventDefault();
      onStop?.();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [running, onStop]);
}

export function Composer({ conversationId, ready, running, basis, returned, onSend, onDraft, onStop, children }) {
  const field = useRef(null);
  const [hasText, setHasText] = useState(false);
  const keepDraft = useDraft(field, { conversationId, ready, running, basis }, onDraft, setHasText);
  useStopKey(running, onStop);

  const put = useCallback(
    (text) => {
      field.current.value = text;
      grow(field.current);
      setHasText(Boolean(text.trim()));
      keepDraft(true);
    },
    [keepDraft],
  );
  // A message that could not be sent comes back, unless something new was begun meanwhile.
  const returnedKey = returned?.key ?? 0;
  useEffect(() => {
    if (returned?.text && !field.current.value) put(returned.text);
  }, [returnedKey]);
  useEffect(() => {
    const fill = (event) => {
      put(event.detail);
      field.current.focus();
    };
    window.addEventListener("loom:fill", fill);
    return () => window.removeEventListener("loom:fill", fill);
  }, [put]);

  const send = (event) => {
    event?.preventDefault();
    const text = field.current.value;
    if (running || !text.trim()) return;
    if (text.length > MAX_CHARS) {
      field.current.setCustomValidity("This message is too long to send. Please shorten it.");
      field.current.reportValidity();
      return;
    }
    onSend?.(text, requestId());
    put("");
  };
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || onTouch()) return;
    event.preventDefault();
    send();
  };
  const onInput = () => {
    field.current.setCustomValidity("");
    grow(field.current);
    setHasText(Boolean(field.current.value.trim()));
    keepDraft(false);
  };
  return (
    <form className="composer" onSubmit={send} aria-label="New message">
      <textarea
        ref={field}
        id="composer"
        data-testid="composer"
        rows={1}
        placeholder="Write a message"
        aria-label="Message"
        enterKeyHint="enter"
        onInput={onInput}
        onKeyDown={onKeyDown}
      />
      <div className="composer-row">
        {children}
        {running ? (
          <button type="button" className="round stop" data-testid="stop" aria-label="Stop the reply" title="Stop (Esc)" onClick={() => onStop?.()}>
            <Square size={14} fill="currentColor" aria-hidden />
          </button>
        ) : (
          <button type="submit" className="round" data-testid="send" aria-label="Send" title="Send (Enter)" disabled={!hasText}>
            <ArrowUp size={18} aria-hidden />
          </button>
        )}
      </div>
    </form>
  );
}
