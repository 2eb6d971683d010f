// One reply, streaming or finished. While it is live its text comes over server-sent events and never passes through
// the page's state, not even when it has settled: what was streamed here is kept here, and the server only says how long
// it is. A reply that this page never watched, or not to its end, has its text from the state or asks for it again.
import { useEffect, useRef, useState } from "react";
import { backendUrl } from "./backend.js";
import { CopyIcon } from "./copy-icon.jsx";
import { Blocks } from "./markdown.jsx";

const RETRY_MS = 3000;
const LOST = "Connection lost. Reconnecting; the reply goes on without you.";

// What turns have shown so far, by turn, so that neither a page change nor the end blanks the reply.
const shownSoFar = new Map();

/** Follow a turn. The server replays the whole text in the first frame after each (re)connection. Returns a stop. */
function watchTurn(turnId, { onText, onTrouble, onEnd, onRefused }) {
  const address = backendUrl(`/api/turns/${encodeURIComponent(turnId)}/text`);
  const source = new EventSource(address, { withCredentials: true });
  let text = "";
  let replayed = false;
  const finish = (tell) => {
    source.close();
    tell();
  };
  source.onopen = () => {
    replayed = false;
    onTrouble("");
  };
  source.onmessage = ({ data }) => {
    const piece = JSON.parse(data);
    text = replayed ? text + piece : piece;
    replayed = true;
    onText(text);
  };
  source.addEventListener("trouble", ({ data }) => onTrouble(JSON.parse(data)));
  source.addEventListener("end", () => finish(onEnd));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) finish(onRefused);
    else onTrouble(LOST);
  };
  return () => source.close();
}

/** Whether a text has so many characters as the server counts them. */
const isWhole = (text, size) => text.length >= size && Array.from(text).length === size;

function useText(given, { turnId, live, size, onSettled }) {
  const [text, setText] = useState(() => shownSoFar.get(turnId) ?? "");
  const [trouble, setTrouble] = useState("");
  const [attempt, setAttempt] = useState(0);
  const settled = useRef(onSettled);
  settled.current = onSettled;
  const missing = !live && !given && size > 0 && !isWhole(shownSoFar.get(turnId) ?? "", size);
  useEffect(() => {
    setText(shownSoFar.get(turnId) ?? "");
    if (!turnId || !(live || missing)) return undefined;
    let timer;
    // Said again until the page's state has taken it in: after a cut, the socket may come back later than this stream.
    const tell = () => {
      if (!live) return;
      settled.current?.(turnId);
      timer = setTimeout(tell, RETRY_MS);
    };
    const stop = watchTurn(turnId, {
      onText: (whole) => {
        shownSoFar.set(turnId, whole);
        setText(whole);
      },
      onTrouble: setTrouble,
      onEnd: tell,
      onRefused: () => {
        if (live) settled.current?.(turnId);
        timer = setTimeout(() => setAttempt((count) => count + 1), RETRY_MS);
      },
    });
    // A network that went away may leave the stream open and silent for minutes: it is begun anew once there is one.
    const away = () => {
      stop();
      setTrouble(LOST);
    };
    const back = () => setAttempt((count) => count + 1);
    window.addEventListener("offline", away);
    window.addEventListener("online", back);
    return () => {
      window.removeEventListener("offline", away);
      window.removeEventListener("online", back);
      clearTimeout(timer);
      stop();
    };
  }, [turnId, live, missing, attempt]);
  return { text: given || text, trouble };
}

export function Reply({ text, turnId, live, size, onSettled }) {
  const stream = useText(live ? "" : text, { turnId, live, size, onSettled });
  const shown = live || text || size ? stream.text : "";
  return (
    <div className="reply-text" data-testid="reply-text" data-turn={turnId} data-live={live ? "yes" : "no"}>
      {shown ? <Blocks text={shown} /> : null}
      {live && !shown ? (
        <p className="thinking">
          <i />
          <i />
          <i />
          <span className="sr-only">The model is thinking</span>
        </p>
      ) : null}
      {live && stream.trouble ? <p className="stream-trouble">{stream.trouble}</p> : null}
    </div>
  );
}

/** Copies a reply as the Markdown that it is. */
export function CopyReply({ text, turnId }) {
  return <CopyIcon text={() => text || shownSoFar.get(turnId) || ""} label="Copy the reply" />;
}
