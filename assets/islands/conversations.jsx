// The list of conversations: the pinned, then the others by day, as far as one scrolls; the archive and the trash; and
// the search. It reads over HTTP and shows changes at once; what changes anything is asked of the page's state.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import Archive from "lucide-react/dist/esm/icons/archive.mjs";
import ArrowLeft from "lucide-react/dist/esm/icons/arrow-left.mjs";
import Pencil from "lucide-react/dist/esm/icons/pencil.mjs";
import Pin from "lucide-react/dist/esm/icons/pin.mjs";
import PinOff from "lucide-react/dist/esm/icons/pin-off.mjs";
import Trash from "lucide-react/dist/esm/icons/trash-2.mjs";
import {
  anticipate,
  drafts,
  hearOthers,
  isStale,
  keepScroll,
  lastScroll,
  look,
  lookFurther,
  say,
  showShelf,
  tellOthers,
  useStore,
} from "./conversation_store.js";
import { Line } from "./conversation_line.jsx";
import { RowMenu } from "./row_menu.jsx";
import { FoundList, SearchField } from "./search.jsx";

const DAY_MS = 86_400_000;
const RECENT_DAYS = 7;

const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());

/** Today, yesterday, the last days, then the month, by the clock of the person. */
function heading(moment) {
  const then = new Date(moment);
  const days = Math.round((midnight(new Date()) - midnight(then)) / DAY_MS);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days < RECENT_DAYS) return "Previous 7 days";
  const year = then.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return then.toLocaleDateString("en", { month: "long", ...year });
}

function byDay(rows) {
  const groups = [];
  for (const row of rows) {
    const name = heading(row.moment);
    if (groups.at(-1)?.name !== name) groups.push({ name, rows: [] });
    groups.at(-1).rows.push(row);
  }
  return groups;
}

/** Keep what is shown current: after a change here, in another tab, and when the person comes back. */
function useCurrent(owner, version, changes, onHeard) {
  const heard = useRef(onHeard);
  heard.current = onHeard;
  const before = useRef({ changes });
  useEffect(() => {
    const deep = before.current.changes !== changes;
    before.current = { changes };
    look({ deep }).then((isNew) => (isNew || deep) && tellOthers());
  }, [owner, version, changes]);
  useEffect(() => {
    const again = () => {
      look({ deep: true });
      heard.current?.();
    };
    const back = () => document.visibilityState === "visible" && isStale() && again();
    const stop = hearOthers(again);
    document.addEventListener("visibilitychange", back);
    window.addEventListener("focus", back);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", back);
      window.removeEventListener("focus", back);
    };
  }, []);
}

/** Where a message was begun and not sent; read again when another conversation opens or another tab writes. */
function useDrafts(current) {
  const [known, setKnown] = useState(() => drafts());
  useEffect(() => {
    const read = () => setKnown(drafts());
    // The field writes the draft that it leaves as the page changes.
    const timer = setTimeout(read);
    window.addEventListener("storage", read);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("storage", read);
    };
  }, [current]);
  return known;
}

function travel(box, event) {
  const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const step = steps[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input")) return;
  const stops = [...box.querySelectorAll("[data-travel]")];
  const here = stops.indexOf(event.target.closest("li")?.querySelector("[data-travel]"));
  if (here < 0) return;
  event.preventDefault();
  if (here + step < 0 && Number.isFinite(step)) box.closest(".sidebar").querySelector("[type=search]")?.focus();
  else stops[Math.max(0, Math.min(stops.length - 1, here + step))].focus();
}

export function Conversations({ owner, trashDays, current, version, changes, onHeard, ...acts }) {
  const { shelf, shelves, query, renaming } = useStore(owner);
  const list = useRef(null);
  const [menu, setMenu] = useState(null);
  useCurrent(owner, version, changes, onHeard);
  const begun = useDrafts(current);
  const searching = Boolean(query.trim());
  useLayoutEffect(() => {
    if (!searching) list.current.scrollTop = lastScroll();
  }, [searching, shelf, shelves[shelf].loaded]);
  const first = () => list.current.querySelector("[data-travel]");
  const closeMenu = useCallback((toButton) => setMenu((open) => {
    if (toButton) open?.button.focus();
    return null;
  }), []);
  const act = (row) => ({
    rename: () => say({ renaming: row.id }),
    pin: () => {
      anticipate(row, { pinned: !row.pinned });
      acts.onPin(row.id, !row.pinned);
    },
    archive: () => leave(list.current, row, () => acts.onArchive(row.id)),
    remove: () => leave(list.current, row, () => acts.onRemove(row.id)),
    unarchive: () => leave(list.current, row, () => acts.onUnarchive(row.id)),
    restore: () => leave(list.current, row, () => acts.onRestore(row.id)),
    named: (title) => {
      const name = title.trim();
      say({ renaming: "" });
      if (!name || name === row.title) return;
      anticipate(row, { title: name });
      acts.onRename(row.id, name);
    },
  });
  const lineOf = (row) => (
    <Line key={row.id} row={row} shelf={shelf} current={row.id === current} draft={row.id !== current && begun.has(row.id)}
      renaming={renaming === row.id} acts={act(row)} onMenu={(button) => setMenu({ button, row })} open={menu?.row.id === row.id} />
  );
  const onKeyDown = (event) => {
    if (event.key === "Escape" && searching) {
      event.stopPropagation();
      say({ query: "" });
      list.current.closest(".sidebar").querySelector("[type=search]").focus();
    } else travel(list.current, event);
  };
  return (
    <>
      <SearchField query={query} onDown={() => first()?.focus()} onEnter={() => searching && first()?.click()} />
      <nav
        ref={list}
        className="conversations"
        data-testid="conversations"
        aria-label="Conversations"
        onKeyDown={onKeyDown}
        onScroll={(event) => searching || keepScroll(event.currentTarget.scrollTop)}
      >
        {searching ? <FoundList query={query} current={current} /> : <Shelf shelf={shelf} known={shelves[shelf]} lineOf={lineOf} box={list} trashDays={trashDays} />}
      </nav>
      <Shelves shelf={shelf} />
      {menu ? <RowMenu button={menu.button} label={menu.row.title} items={choices(menu.row, act(menu.row))} onClose={closeMenu} /> : null}
    </>
  );
}

/** A line goes: the focus that was on it stays in the list. */
function leave(box, row, act) {
  const stops = [...box.querySelectorAll("[data-travel]")];
  const here = stops.findIndex((stop) => stop.closest("li").contains(document.activeElement));
  const next = stops[here + 1] ?? stops[here - 1];
  anticipate(row, null);
  if (here >= 0) requestAnimationFrame(() => (next?.isConnected ? next : box.querySelector("[data-travel]"))?.focus({ preventScroll: true }));
  act();
}

function choices(row, acts) {
  return [
    { test: "rename", icon: Pencil, words: "Rename", keys: "F2", act: acts.rename, keepsFocus: true },
    row.pinned
      ? { test: "unpin", icon: PinOff, words: "Unpin", act: acts.pin }
      : { test: "pin", icon: Pin, words: "Pin", act: acts.pin },
    { test: "archive", icon: Archive, words: "Archive", act: acts.archive },
    { test: "delete", icon: Trash, words: "Delete", keys: "Delete", act: acts.remove },
  ];
}

const keptFor = (days) => `Conversations are deleted for good after ${days === 1 ? "a day" : `${days} days`} here.`;

function Shelf({ shelf, known, lineOf, box, trashDays }) {
  const head = { archive: "Archived", trash: "Trash" }[shelf];
  const { pinned, rows, more, loaded, failed } = known;
  return (
    <>
      {head ? (
        <div className="shelf-head">
          <button type="button" className="icon-button" aria-label="Back to the list" title="Back to the list" data-testid="to-main" onClick={() => showShelf("main")}>
            <ArrowLeft size={16} aria-hidden />
          </button>
          <h2>{head}</h2>
        </div>
      ) : null}
      {loaded ? null : failed ? null : <Lines />}
      {loaded && !rows.length && !pinned.length ? <Nothing shelf={shelf} trashDays={trashDays} /> : null}
      {shelf === "trash" && rows.length ? <p className="quiet list-note">{keptFor(trashDays)} Until then you can restore them.</p> : null}
      {pinned.length ? <Group name="Pinned">{pinned.map(lineOf)}</Group> : null}
      {byDay(rows).map(({ name, rows: some }) => (
        <Group key={name} name={name}>{some.map(lineOf)}</Group>
      ))}
      {failed ? (
        <p className="list-note quiet" role="status">
          The list could not be read. <button type="button" className="link" onClick={() => (more && loaded ? lookFurther() : look())}>Try again</button>
        </p>
      ) : more ? <Further box={box} more={more} /> : null}
    </>
  );
}

function Group({ name, children }) {
  return (
    <>
      <p className="day" aria-hidden>{name}</p>
      <ul className="plain-list" aria-label={name}>{children}</ul>
    </>
  );
}

/** The end of what is known: as it comes near the view, the next page is read. */
function Further({ box, more }) {
  const end = useRef(null);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && lookFurther(), { root: box.current, rootMargin: "600px" });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [box, more]);
  return <div ref={end}><Lines /></div>;
}

function Lines() {
  return (
    <div className="skeletons pad" aria-hidden>
      {["70%", "85%", "60%"].map((width) => <span key={width} className="skeleton" style={{ width }} />)}
    </div>
  );
}

function Nothing({ shelf, trashDays }) {
  const words = {
    main: "Your conversations will be listed here.",
    archive: "What you archive leaves the list and is kept here. A search still finds it.",
    trash: `What you delete rests here and can be restored. ${keptFor(trashDays)}`,
  };
  return <p className="quiet pad">{words[shelf]}</p>;
}

function Shelves({ shelf }) {
  const button = (name, Icon, words) => (
    <button
      type="button"
      className="shelf-button"
      data-testid={`to-${name}`}
      aria-pressed={shelf === name}
      onClick={() => showShelf(shelf === name ? "main" : name)}
    >
      <Icon size={14} aria-hidden /> {words}
    </button>
  );
  return (
    <div className="shelves" role="group" aria-label="Other lists">
      {button("archive", Archive, "Archived")}
      {button("trash", Trash, "Trash")}
    </div>
  );
}
