// The search over all conversations: the field on top of the list, and what was found, with its words marked.
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import Search from "lucide-react/dist/esm/icons/search.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";
import { findWords, say } from "./conversation_store.js";
import { Marked } from "./marked.jsx";

const PAUSE_MS = 160;
const MAX_CHARS = 200;

const inField = (element) => element?.matches?.("input, textarea, select, [contenteditable=true]");

/** "/" and Ctrl/⌘+Shift+F lead to the field, also where it lies in a closed drawer. */
function useSearchKey(field) {
  useEffect(() => {
    const listen = (event) => {
      const plain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !inField(document.activeElement);
      const chord = event.key.toLowerCase() === "f" && event.shiftKey && (event.ctrlKey || event.metaKey) && !event.altKey;
      if ((!plain && !chord) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      if (!field.current.checkVisibility({ visibilityProperty: true })) {
        document.querySelector('.top [data-toggle="sidebar"]')?.click();
      }
      field.current.focus();
      field.current.select();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [field]);
}

/** What the server finds for the words, once they rest: {words, found} or {words, failed}; null before the first. */
function useFound(words) {
  const [answer, setAnswer] = useState(null);
  useEffect(() => {
    if (!words) return setAnswer(null);
    const asked = new AbortController();
    const timer = setTimeout(async () => {
      try {
        setAnswer({ words, found: await findWords(words, asked.signal) });
      } catch {
        if (!asked.signal.aborted) setAnswer({ words, found: [], failed: true });
      }
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      asked.abort();
    };
  }, [words]);
  return words ? answer : null;
}

export function SearchField({ query, onDown, onEnter }) {
  const field = useRef(null);
  useSearchKey(field);
  const onKeyDown = (event) => {
    if (event.key === "Escape" && query) {
      event.preventDefault();
      event.stopPropagation();
      say({ query: "" });
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      onDown();
    } else if (event.key === "Enter") {
      event.preventDefault();
      onEnter();
    }
  };
  return (
    <div className="list-search" role="search" aria-label="Conversations">
      <Search size={14} aria-hidden />
      <input
        ref={field}
        type="search"
        className="input small"
        data-testid="list-search"
        placeholder="Search"
        title="Search all that was said ( / )"
        aria-label="Search conversations"
        aria-keyshortcuts="/ Control+Shift+F"
        autoComplete="off"
        spellCheck={false}
        maxLength={MAX_CHARS}
        data-takes-esc={query ? "" : undefined}
        value={query}
        onChange={(event) => say({ query: event.target.value })}
        onKeyDown={onKeyDown}
      />
      {query ? (
        <button
          type="button"
          className="icon-button"
          aria-label="Clear the search"
          title="Clear (Esc)"
          onClick={() => {
            say({ query: "" });
            field.current.focus();
          }}
        >
          <X size={14} aria-hidden />
        </button>
      ) : (
        <kbd aria-hidden>/</kbd>
      )}
    </div>
  );
}

function address({ conversation_id: id, message_id: message }, words) {
  return message ? `/c/${id}?${new URLSearchParams({ at: message, find: words })}` : `/c/${id}`;
}

export function FoundList({ query, current }) {
  const words = query.trim();
  const answer = useFound(words);
  if (!answer) return <p className="quiet pad" role="status">Searching…</p>;
  const { found, failed } = answer;
  const told = failed
    ? "The search could not be made. Please try again."
    : found.length === 1 ? "1 conversation found" : `${found.length} conversations found`;
  if (!found.length) return <NothingFound words={answer.words} told={failed ? told : ""} />;
  return (
    <>
      <p className="day" role="status" data-testid="found-count">{told}</p>
      <ul className="plain-list" aria-label="Found conversations">
        {found.map((hit) => (
          <li key={hit.conversation_id}>
            <Link
              to={address(hit, answer.words)}
              className="found"
              data-testid="found"
              data-travel=""
              data-closes-sheet=""
              aria-current={hit.conversation_id === current ? "page" : "false"}
            >
              <span className="found-title"><Marked text={hit.title} query={answer.words} /></span>
              {hit.archived ? <span className="list-badge">Archived</span> : null}
              {hit.snippet ? <span className="found-text"><Marked text={hit.snippet} query={answer.words} /></span> : null}
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}

function NothingFound({ words, told }) {
  if (told) return <p className="quiet pad" role="status">{told}</p>;
  return (
    <div className="pad quiet list-note" role="status" data-testid="nothing-found">
      <p>Nothing has <strong>{words}</strong>.</p>
      <p>Titles and every message are searched. All words must be in one of them; the beginnings of words are enough.</p>
    </div>
  );
}
