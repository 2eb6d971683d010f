// A question: its words, and the field in which it is asked otherwise. Editing is local until it is sent; the price of
// the new version is asked for after a pause and stands beside Send. The question itself is never overwritten.
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import Pencil from "lucide-react/dist/esm/icons/pencil.mjs";
import { CopyIcon } from "./copy-icon.jsx";
import { requestId } from "./request-id.js";

const PAUSE_MS = 300;

function Editor({ text, price, onDraft, onSend, onClose }) {
  const field = useRef(null);
  const timer = useRef(0);
  const [empty, setEmpty] = useState(false);
  const fit = () => {
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
  };
  useLayoutEffect(() => {
    fit();
    field.current.focus({ preventScroll: true });
    field.current.setSelectionRange(text.length, text.length);
    field.current.scrollIntoView({ block: "nearest" });
  }, [text]);
  useEffect(() => {
    onDraft?.(text);
    return () => clearTimeout(timer.current);
  }, []);
  const typed = () => {
    fit();
    setEmpty(!field.current.value.trim());
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onDraft?.(field.current?.value ?? ""), PAUSE_MS);
  };
  const send = () => {
    const said = field.current.value;
    if (!said.trim()) return;
    onClose();
    onSend?.(said, requestId());
  };
  const keys = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onClose();
    } else if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing && !window.matchMedia("(pointer: coarse)").matches) {
      event.preventDefault();
      send();
    }
  };
  return (
    <div className="bubble-edit">
      <textarea ref={field} rows={1} defaultValue={text} aria-label="Edit the question" data-testid="edit-field" onInput={typed} onKeyDown={keys} />
      <div className="row">
        <span className="estimate grow" role="status" data-testid="edit-price">
          {price}
        </span>
        <button type="button" className="button small" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button small primary" data-testid="edit-send" disabled={empty} onClick={send}>
          Send
        </button>
      </div>
    </div>
  );
}

export function Question({ text, price, locked, onDraft, onSend, children }) {
  const [editing, setEditing] = useState(false);
  const opener = useRef(null);
  const close = () => {
    setEditing(false);
    requestAnimationFrame(() => opener.current?.focus({ preventScroll: true }));
  };
  useEffect(() => setEditing(false), [text]);
  return (
    <div className={editing ? "question-body editing" : "question-body"}>
      {editing ? (
        <Editor text={text} price={price} onDraft={onDraft} onSend={onSend} onClose={close} />
      ) : (
        <>
          <h2 className="sr-only">You asked</h2>
          {text ? (
            <div className="bubble" data-testid="question-text">
              {text}
            </div>
          ) : null}
          <div className="under-message">
            <span className="actions">
              <CopyIcon text={text} label="Copy the question" />
              <button
                ref={opener}
                type="button"
                className="icon-button"
                data-testid="edit-question"
                aria-label="Edit and ask again"
                title="Edit and ask again"
                disabled={locked}
                onClick={() => setEditing(true)}
              >
                <Pencil size={15} aria-hidden />
              </button>
            </span>
            {children}
          </div>
        </>
      )}
    </div>
  );
}
