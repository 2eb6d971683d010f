// The command palette and the table of shortcuts, in a modal that the browser keeps: focus stays inside, Esc closes it
// and gives the focus back. Commands are found in the browser; conversations by their titles, over one light route.
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import MessageSquare from "lucide-react/dist/esm/icons/message-square.mjs";
import Search from "lucide-react/dist/esm/icons/search.mjs";
import { backendUrl } from "./backend.js";
import { useClickBeside } from "./beside.js";
import { commandsOf, fit } from "./commands.js";
import { SHORTCUTS, keysOf } from "./shortcuts.js";

const PAUSE_MS = 120;
const MOST_CHATS = 6;
const RECENT_CHATS = 3;

function Keys({ id }) {
  return (
    <span className="keys">
      {keysOf(id).map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}

/** Conversations whose titles have the words; the latest ones while nothing is typed. */
function useChats(typed) {
  const [chats, setChats] = useState([]);
  useEffect(() => {
    const leaving = new AbortController();
    const ask = async () => {
      const query = new URLSearchParams({ q: typed.trim(), limit: String(typed.trim() ? MOST_CHATS : RECENT_CHATS) });
      const answer = await fetch(backendUrl(`/api/conversations?${query}`), { credentials: "include", signal: leaving.signal });
      if (answer.ok) setChats((await answer.json()).conversations);
    };
    const timer = setTimeout(() => ask().catch(() => {}), typed ? PAUSE_MS : 0);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [typed]);
  return chats;
}

function found(typed, commands, chats, navigate) {
  const toChats = chats.map(({ id, title }) => ({
    id: `chat-${id}`,
    group: typed.trim() ? "Conversations" : "Latest conversations",
    words: title,
    chat: true,
    run: () => navigate(`/c/${id}`),
  }));
  if (!typed.trim()) {
    // Parts of a page are found by their words; unasked they would only bury the rest.
    const whole = commands.filter(({ id }) => !id.includes("#"));
    return [...whole.slice(0, 2), ...toChats, ...whole.slice(2)];
  }
  const fitting = commands
    .map((command) => ({ command, score: fit(typed, command) }))
    .filter(({ score }) => score)
    .sort((one, other) => other.score - one.score)
    .map(({ command }) => command);
  return [...fitting, ...toChats];
}

/** The list in its groups, in the order in which they first appear, so that the eye and the arrow keys agree. */
function grouped(items) {
  const groups = new Map();
  items.forEach((item) => groups.set(item.group, [...(groups.get(item.group) ?? []), item]));
  return [...groups].map(([name, members]) => ({ name, members }));
}

function Commands({ commands, showView, close, early }) {
  const [typed, setTyped] = useState(early.current);
  const [active, setActive] = useState(0);
  const list = useRef(null);
  // More may have been typed while this was drawn.
  useLayoutEffect(() => setTyped(early.current), [early]);
  const name = useId();
  const chats = useChats(typed);
  const all = useMemo(() => commandsOf(commands, showView), [commands.models, commands.mode, commands.model]);
  const groups = grouped(found(typed, all, chats, commands.navigate));
  const items = groups.flatMap(({ members }) => members);
  const here = Math.min(active, items.length - 1);

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [here, typed]);

  const choose = (item) => {
    if (!item) return;
    if (!item.stays) close();
    item.run();
  };
  const onKeyDown = (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps && items.length) {
      const step = steps[event.key];
      const next = here + step;
      setActive(Math.abs(step) === 1 ? (next + items.length) % items.length : Math.max(0, Math.min(items.length - 1, next)));
    } else if (event.key === "Enter" && !event.nativeEvent.isComposing) choose(items[here]);
    else return;
    event.preventDefault();
  };
  let place = -1;
  return (
    <>
      <div className="palette-field">
        <Search size={16} aria-hidden />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${name}list`}
          aria-activedescendant={items.length ? `${name}${here}` : undefined}
          aria-autocomplete="list"
          aria-label="Search commands and conversations"
          placeholder="What do you want to do?"
          data-testid="palette-field"
          autoComplete="off"
          spellCheck={false}
          maxLength={200}
          autoFocus
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
        />
        <button type="button" className="palette-esc" onClick={close} aria-label="Esc, close">
          Esc
        </button>
      </div>
      <div className="palette-list" role="listbox" id={`${name}list`} aria-label="Commands and conversations" ref={list}>
        {groups.map(({ name: group, members }, index) => (
          <div role="group" key={group} aria-labelledby={`${name}g${index}`}>
            <p className="palette-group" id={`${name}g${index}`}>
              {group}
            </p>
            {members.map((item) => {
              place += 1;
              const mine = place;
              return (
                <div
                  key={item.id}
                  id={`${name}${mine}`}
                  role="option"
                  aria-selected={mine === here}
                  className="palette-item"
                  data-testid="palette-item"
                  data-command={item.id}
                  onPointerMove={() => setActive(mine)}
                  onClick={() => choose(item)}
                >
                  {item.chat ? <MessageSquare size={14} aria-hidden /> : null}
                  <span className="palette-words">{item.words}</span>
                  {item.note ? <span className="palette-note">{item.note}</span> : null}
                  {item.shortcut ? <Keys id={item.shortcut} /> : null}
                </div>
              );
            })}
          </div>
        ))}
      </div>
      <p className="palette-nothing" role="status">
        {items.length ? "" : "Nothing here is called that. Try a word like “credits”, “dark” or a conversation’s title."}
      </p>
    </>
  );
}

function Help({ close }) {
  const shown = SHORTCUTS.filter(({ place }) => !place || document.querySelector(place));
  return (
    <div className="shortcuts" data-testid="shortcuts">
      <div className="row between">
        <h2>Keyboard shortcuts</h2>
        <button type="button" className="palette-esc" onClick={close} aria-label="Esc, close" autoFocus>
          Esc
        </button>
      </div>
      {grouped(shown).map(({ name, members }) => (
        <section key={name}>
          <h3>{name}</h3>
          <dl>
            {members.map(({ id, words }) => (
              <div key={id}>
                <dt>{words}</dt>
                <dd>
                  <Keys id={id} />
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

export default function PaletteBox({ view, showView, commands, early }) {
  const box = useRef(null);
  // In the same breath as it is drawn: until it is open, no key reaches its field.
  useLayoutEffect(() => {
    if (!box.current.open) box.current.showModal();
  }, []);
  const beside = useClickBeside(box);
  const close = () => box.current?.close();
  return (
    <dialog
      ref={box}
      className="dialog palette"
      aria-label={view === "help" ? "Keyboard shortcuts" : "Commands"}
      data-testid="palette"
      onClose={() => showView("")}
      {...beside}
    >
      {view === "help" ? <Help close={close} /> : <Commands commands={commands} showView={showView} close={close} early={early} />}
    </dialog>
  );
}
