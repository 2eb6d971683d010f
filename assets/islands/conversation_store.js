// What this tab knows of the person's conversations: the lists as far as they were scrolled, by shelf. It outlives the
// page that shows it, so that the list stays where it was when another page opens. Only what the server said is kept
// here, but for changes that were just asked for, which show at once.
import { useSyncExternalStore } from "react";
import { backendUrl } from "./backend.js";

const DEEPEST = 500;
const STALE_MS = 5_000;
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("loom");
const LISTS = "/api/workspace/conversations";

const emptyShelf = () => ({ pinned: [], rows: [], more: "", loaded: false, failed: false });
const fresh = (owner) => ({
  owner,
  shelf: "main",
  shelves: { main: emptyShelf(), archive: emptyShelf(), trash: emptyShelf() },
  query: "",
  renaming: "",
});

let store = fresh("");
let scrolled = 0;
let looked = 0;
const listeners = new Set();

function put(change) {
  store = { ...store, ...change };
  listeners.forEach((tell) => tell());
}

function putShelf(name, change) {
  put({ shelves: { ...store.shelves, [name]: { ...store.shelves[name], ...change } } });
}

const subscribe = (tell) => {
  listeners.add(tell);
  return () => listeners.delete(tell);
};

/** What is known of this person; whatever was of another is forgotten. */
export function useStore(owner) {
  if (store.owner !== owner) {
    store = fresh(owner);
    scrolled = 0;
  }
  return useSyncExternalStore(subscribe, () => store, () => store);
}

export const keepScroll = (top) => {
  scrolled = top;
};
export const lastScroll = () => scrolled;
export const say = (change) => put(change);

async function getJson(path, values, signal) {
  const answer = await fetch(backendUrl(`${path}?${new URLSearchParams(values)}`), { credentials: "include", signal });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** What has the words, by the server. Rejects when it cannot be asked, and when `signal` says that nobody waits. */
export async function findWords(words, signal) {
  return (await getJson(`${LISTS}/search`, { q: words }, signal)).found;
}

const isBefore = (one, other) => one.moment < other.moment || (one.moment === other.moment && one.id < other.id);

/** The top of a list as it is now, followed by what was known below it. */
function joined(known, page) {
  const seen = new Set([...page.pinned, ...page.rows].map((row) => row.id));
  const last = page.rows.at(-1);
  const below = page.more && last ? known.rows.filter((row) => !seen.has(row.id) && isBefore(row, last)) : [];
  return { pinned: page.pinned, rows: [...page.rows, ...below], more: below.length ? known.more : page.more };
}

/** Look again. `deep`: at all that was scrolled to, not only at the top. Resolves to whether anything was new. */
export async function look({ deep = false } = {}) {
  const { owner, shelf } = store;
  const known = store.shelves[shelf];
  looked = Date.now();
  try {
    const size = deep ? Math.min(known.rows.length, DEEPEST) : 0;
    const page = await getJson(LISTS, { shelf, ...(size ? { size } : {}) });
    if (store.owner !== owner) return false;
    const now = joined(store.shelves[shelf], page);
    const before = store.shelves[shelf];
    const isNew = !before.loaded || JSON.stringify([before.pinned, before.rows]) !== JSON.stringify([now.pinned, now.rows]);
    if (isNew || before.failed) putShelf(shelf, { ...now, loaded: true, failed: false });
    return isNew && before.loaded;
  } catch {
    if (store.owner === owner) putShelf(shelf, { failed: true });
    return false;
  }
}

let under = null;

/** The next page of the list that is shown. */
export async function lookFurther() {
  const { owner, shelf } = store;
  const { more } = store.shelves[shelf];
  if (!more || under === more) return;
  under = more;
  try {
    const page = await getJson(LISTS, { shelf, after: more });
    const known = store.shelves[shelf];
    if (store.owner !== owner || known.more !== more) return;
    const seen = new Set([...known.pinned, ...known.rows].map((row) => row.id));
    const rows = [...known.rows, ...page.rows.filter((row) => !seen.has(row.id))];
    putShelf(shelf, { rows, more: page.more, failed: false });
  } catch {
    if (store.owner === owner) putShelf(shelf, { failed: true });
  } finally {
    under = null;
  }
}

export function showShelf(shelf) {
  scrolled = 0;
  put({ shelf, query: "", renaming: "" });
  look();
}

export const isStale = () => Date.now() - looked > STALE_MS;

/** The other tabs shall look too. */
export const tellOthers = () => channel?.postMessage({ kind: "conversations" });

/** Call `heard` when another tab changed something. Returns a stop. */
export function hearOthers(heard) {
  const listen = ({ data }) => data?.kind === "conversations" && heard();
  channel?.addEventListener("message", listen);
  return () => channel?.removeEventListener("message", listen);
}

const placed = (rows, row) => {
  const place = rows.findIndex((other) => isBefore(other, row));
  return place < 0 ? [...rows, row] : [...rows.slice(0, place), row, ...rows.slice(place)];
};

/** Show a change before the server has answered; its answer is looked at afterwards. */
export function anticipate(row, change) {
  const known = store.shelves[store.shelf];
  const others = (rows) => rows.filter((other) => other.id !== row.id);
  const now = { ...row, ...change };
  if (change === null) {
    putShelf(store.shelf, { pinned: others(known.pinned), rows: others(known.rows) });
  } else if (now.pinned !== row.pinned) {
    const pinned = now.pinned ? [now, ...others(known.pinned)] : others(known.pinned);
    putShelf(store.shelf, { pinned, rows: now.pinned ? others(known.rows) : placed(others(known.rows), now) });
  } else {
    const renamed = (rows) => rows.map((other) => (other.id === row.id ? now : other));
    putShelf(store.shelf, { pinned: renamed(known.pinned), rows: renamed(known.rows) });
  }
}

const DRAFTS = ["loom:draft:", "loom:draft-files:"];

/** The conversations with a message that was begun in this browser and not sent. */
export function drafts() {
  const begun = (key) => DRAFTS.find((draft) => key.startsWith(draft) && localStorage.getItem(key)?.trim());
  return new Set(
    Object.keys(localStorage)
      .filter(begun)
      .map((key) => key.slice(begun(key).length)),
  );
}
