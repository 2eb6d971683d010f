// The message field. It is uncontrolled: typing never waits for the server. The draft is kept per conversation in this
// browser and told to the server only after a pause, for the estimate. So are the files that go with it. Enter sends with a keyboard and breaks the line
// on touch screens; Send turns into Stop in the same place while a reply runs. What was sent is kept in this tab until the
// server has answered for it.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import ArrowUp from "lucide-react/dist/esm/icons/arrow-up.mjs";
import Square from "lucide-react/dist/esm/icons/square.mjs";
import { useAway } from "./connection.jsx";
import { AttachButton, DropPlace, FileChips } from "./file-chips.jsx";
import { attach, clear, detach, giveBack, moveTo, useFiles } from "./files.js";
import { requestId } from "./request-id.js";
import { forgetSent, keepSent, sentMessage } from "./sent.js";

const PAUSE_MS = 400;
// After this a message that the server has not answered for is given back.
const OVERDUE_MS = 10_000;
const MAX_HEIGHT_PX = 240;
// What the server takes is counted in bytes; no character has more than four.
const MAX_CHARS = 500_000;

const draftKey = (conversationId) => `loom:draft:${conversationId || "new"}`;

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`;
  field.style.overflowY = field.scrollHeight > MAX_HEIGHT_PX ? "auto" : "hidden";
}

// A browser may have put the draft back itself; what was typed before the page knew of a draft comes after it.
function joined(draft, typed) {
  if (!draft || !typed || draft === typed) return typed || draft;
  return `${draft}\n${typed}`;
}

const onTouch = () => window.matchMedia("(pointer: coarse)").matches;

// `ready` once the server has said which conversation this is. Until then, and while a new chat gets its address, what
// is being typed stays where it is.
function useDraft(field, { conversationId, ready, running, basis, ids }, onDraft, onText) {
  const timer = useRef(0);
  const shown = useRef({});
  const onDraftNow = useRef(onDraft);
  onDraftNow.current = (text) => onDraft?.(text, ids ? ids.split(" ") : []);
  // That there is nothing is told once: no price of an earlier draft may stand beside an empty field.
  const told = useRef(null);
  const tell = useCallback(
    (text) => {
      const said = text.trim() || ids;
      if (told.current === "" && !said) return;
      told.current = said;
      onDraftNow.current(text);
    },
    [ids],
  );
  const keep = useCallback(
    (now) => {
      clearTimeout(timer.current);
      if (!ready) return;
      const text = field.current.value;
      if (text) localStorage.setItem(draftKey(conversationId), text);
      else localStorage.removeItem(draftKey(conversationId));
      const say = () => tell(text);
      if (now || !text) say();
      else timer.current = setTimeout(say, PAUSE_MS);
    },
    [conversationId, ready, field, tell],
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
    if (born) {
      localStorage.removeItem(draftKey(""));
      moveTo(conversationId);
    }
    element.value = joined(localStorage.getItem(draftKey(conversationId)) ?? "", typed);
    if (typed) localStorage.setItem(draftKey(conversationId), element.value);
    grow(element);
    window.loomPlace?.restore(element, conversationId ? `/c/${conversationId}` : "/");
    onText(Boolean(element.value.trim()));
    return () => {
      clearTimeout(timer.current);
      if (element.value) localStorage.setItem(draftKey(conversationId), element.value);
    };
  }, [conversationId, ready, field, onText]);
  useEffect(() => {
    wasRunning.current = running;
  }, [running]);
  useEffect(() => {
    if (!ready) return;
    clearTimeout(timer.current);
    tell(field.current.value);
  }, [ready, basis, ids, field, tell]);
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

// What is attached to the draft, and the words about what could not be.
function useAttaching(field, conversationId, limits, put) {
  const files = useFiles(conversationId);
  const [trouble, setTrouble] = useState("");
  useEffect(() => setTrouble(""), [conversationId]);
  const add = (given) => {
    field.current.focus({ preventScroll: true });
    return attach(conversationId, given, limits, setTrouble);
  };
  // A long text becomes a file, unless there is no room for one or it cannot be taken: then it is text as ever.
  const place = useRef(conversationId);
  place.current = conversationId;
  const addText = async (text) => {
    const home = conversationId;
    const { selectionStart: start, selectionEnd: end } = field.current;
    const file = new File([text.toWellFormed?.() ?? text], "Pasted text.txt", { type: "text/plain" });
    if (await add([file])) return;
    if (place.current !== home) {
      // Another chat is looked at by now; the words wait in the draft that they were meant for.
      localStorage.setItem(draftKey(home), (localStorage.getItem(draftKey(home)) ?? "") + text);
      return;
    }
    const said = field.current.value;
    put(said.slice(0, start) + text + said.slice(end));
  };
  const paste = (event) => {
    const text = event.clipboardData.getData("text/plain");
    const pictures = [...event.clipboardData.files];
    // Tables and rich text come with a picture of themselves; their words are meant.
    if (!text && pictures.length) {
      event.preventDefault();
      add(pictures);
    } else if (text.length > limits.pasteChars && text.trim() && files.length < limits.files) {
      event.preventDefault();
      addText(text);
    }
  };
  return { files, trouble, setTrouble, add, paste, remove: (file) => detach(conversationId, file) };
}

/** A message that was sent and perhaps never arrived stands in the field again, until the server says that it has it. */
function useUnanswered(field, { conversationId, ready, running, away, taken }, put) {
  const timer = useRef(0);
  const [overdue, setOverdue] = useState(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    const sent = sentMessage();
    if (!sent || sent.id !== taken) return;
    forgetSent();
    if (!sent.shown || sent.home !== conversationId || field.current.value !== sent.text) return;
    clear(conversationId);
    put("");
  }, [taken]);
  // Once the connection is lost, and wherever the page begins anew: it may have been loaded again, or the server started.
  useEffect(() => {
    const sent = sentMessage();
    if (!ready || running || !sent || sent.shown || sent.home !== conversationId || sent.id === taken) return;
    keepSent({ ...sent, shown: true });
    giveBack(conversationId, sent.files);
    put([sent.text, field.current.value].filter(Boolean).join("\n\n"));
  }, [ready, running, away, overdue, conversationId]);
  return () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOverdue((count) => count + 1), OVERDUE_MS);
  };
}

export function Composer({ conversationId, ready, running, basis, returned, taken, lost, limits, onSend, onDraft, onStop, children }) {
  const field = useRef(null);
  const [hasText, setHasText] = useState(false);
  const putText = useRef(null);
  const attaching = useAttaching(field, conversationId, limits, (text) => putText.current(text));
  const ids = attaching.files.filter((file) => file.id).map((file) => file.id).join(" ");
  const busy = attaching.files.some((file) => file.busy);
  const keepDraft = useDraft(field, { conversationId, ready, running, basis, ids }, onDraft, setHasText);
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
  putText.current = put;
  const away = useAway(lost);
  const awaitAnswer = useUnanswered(field, { conversationId, ready, running, away, taken }, put);
  // A message that could not be sent comes back, unless something new was begun meanwhile.
  const returnedKey = returned?.key ?? 0;
  useEffect(() => {
    if (!returned?.text && !returned?.files?.length) return;
    if (field.current.value) return;
    giveBack(conversationId, returned.files ?? []);
    put(returned.text);
  }, [returnedKey]);
  useEffect(() => {
    const fill = (event) => {
      put(event.detail);
      field.current.focus();
    };
    window.addEventListener("loom:fill", fill);
    return () => window.removeEventListener("loom:fill", fill);
  }, [put]);

  // Sent while there is no connection: it stays where it is, and goes as it stands there once there is one.
  const [held, setHeld] = useState(false);
  useEffect(() => setHeld(false), [conversationId]);
  // Sent before it is known which conversation this is: it goes as soon as it is.
  const early = useRef(false);
  const send = (event) => {
    event?.preventDefault();
    const text = field.current.value;
    if (running || busy || !(text.trim() || ids)) return;
    if (away) {
      setHeld(true);
      return;
    }
    if (!ready) {
      early.current = true;
      return;
    }
    if (text.length > MAX_CHARS) {
      field.current.setCustomValidity("This message is too long to send. Please shorten it.");
      field.current.reportValidity();
      return;
    }
    // The same message once more, whether or not it came through before: by its id the server takes it once.
    const before = sentMessage();
    const same = before?.text === text && before.files.map((file) => file.id).join(" ") === ids;
    const again = same && before.shown && before.home === conversationId;
    const sent = { id: again ? before.id : requestId(), home: conversationId, text, files: attaching.files };
    keepSent(sent);
    awaitAnswer();
    onSend?.(text, sent.id, ids ? ids.split(" ") : []);
    clear(conversationId);
    attaching.setTrouble("");
    put("");
  };
  useEffect(() => {
    if (!ready || !early.current) return;
    early.current = false;
    send();
  }, [ready]);
  useEffect(() => {
    if (away || !held) return;
    setHeld(false);
    send();
  }, [away]);
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || onTouch()) return;
    event.preventDefault();
    send();
  };
  const onInput = () => {
    field.current.setCustomValidity("");
    // What is being changed is not finished: it is sent when it is asked for again.
    setHeld(false);
    early.current = false;
    grow(field.current);
    setHasText(Boolean(field.current.value.trim()));
    keepDraft(false);
  };
  return (
    <form className="composer" onSubmit={send} aria-label="New message">
      <DropPlace words={limits.words} onFiles={attaching.add} />
      <FileChips files={attaching.files} onRemove={attaching.remove} />
      <p className={attaching.trouble ? "file-trouble" : "sr-only"} role="alert" data-testid="file-trouble">
        {attaching.trouble}
      </p>
      <p className={held ? "held" : "sr-only"} role="status" data-testid="held">
        {held ? "No connection. Your message is kept here and sent once there is one; change it to keep it back." : ""}
      </p>
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
        onPaste={attaching.paste}
      />
      <div className="composer-row">
        <AttachButton words={limits.words} onFiles={attaching.add} />
        {children}
        {running ? (
          <button type="button" className="round stop" data-testid="stop" aria-label="Stop the reply" title="Stop (Esc)" onClick={() => onStop?.()}>
            <Square size={14} fill="currentColor" aria-hidden />
          </button>
        ) : (
          <button type="submit" className="round" data-testid="send" aria-label="Send" title={busy ? "Wait until the files are attached" : "Send (Enter)"} disabled={busy || !(hasText || ids)}>
            <ArrowUp size={18} aria-hidden />
          </button>
        )}
      </div>
    </form>
  );
}
