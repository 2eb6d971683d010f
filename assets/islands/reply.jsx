// One reply, streaming or finished. While it is live its text comes over server-sent events and never passes through
// the page's state; when it has settled, the text is the one from the database. Both are drawn the same way, so nothing
// jumps at the end.
import { useEffect, useRef, useState } from "react";
import { backendUrl } from "./backend.js";
import { Blocks } from "./markdown.jsx";

const RETRY_MS = 3000;

// What live turns have shown so far, by turn, so that a page change in the middle does not blank the reply.
const shownSoFar = new Map();

/** Follow a turn. The server replays the whole text in the first frame after each (re)connection. Returns a stop. */
function watchTurn(turnId, { onText, onTrouble, onEnd, onRefused }) {
  const address = backendUrl(`/api/turns/${encodeURIComponent(turnId)}/stream`);
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
    if (data === "[DONE]") return finish(onEnd);
    const part = JSON.parse(data);
    if (part.type === "text-delta") {
      text = replayed ? text + part.delta : part.delta;
      replayed = true;
      onText(text);
    } else if (part.type === "error") {
      onTrouble(part.errorText);
    } else if (part.type === "finish") {
      finish(onEnd);
    }
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) finish(onRefused);
    else onTrouble("Connection lost. Reconnecting; the reply goes on without you.");
  };
  return () => source.close();
}

function useLiveText(turnId, live, onSettled) {
  const [text, setText] = useState(() => shownSoFar.get(turnId) ?? "");
  const [trouble, setTrouble] = useState("");
  const [attempt, setAttempt] = useState(0);
  const settled = useRef(onSettled);
  settled.current = onSettled;
  useEffect(() => {
    if (!live || !turnId) return undefined;
    setText(shownSoFar.get(turnId) ?? "");
    let timer;
    const stop = watchTurn(turnId, {
      onText: (whole) => {
        shownSoFar.set(turnId, whole);
        setText(whole);
      },
      onTrouble: setTrouble,
      onEnd: () => settled.current?.(turnId),
      onRefused: () => {
        settled.current?.(turnId);
        timer = setTimeout(() => setAttempt((count) => count + 1), RETRY_MS);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [turnId, live, attempt]);
  useEffect(() => {
    if (!live) shownSoFar.delete(turnId);
  }, [turnId, live]);
  return { text, trouble };
}

export function Reply({ text, turnId, live, onSettled }) {
  const stream = useLiveText(turnId, live, onSettled);
  const shown = live ? stream.text : text;
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
