// The files of drafts: uploaded as they are dropped, so that what cannot be sent is said at once and what can survives a
// reload, another conversation and the way to buy credits. The server keeps the bytes; this browser keeps which draft has
// which file. An upload goes on while another conversation is looked at.
import { useEffect, useSyncExternalStore } from "react";
import { backendUrl } from "./backend.js";
import { requestId } from "./request-id.js";

const KEPT = "loom:draft-files:";
const UNREACHABLE = "The server cannot be reached, so nothing was attached. Please try again in a moment.";
const PICTURES = ["image/png", "image/jpeg", "image/webp"];
// A larger edge than models look at.
const SMALLER_EDGE = 2_576;
const NONE = [];

const shelves = new Map();
const watchers = new Set();
// Where the files of a new chat are once it has an address.
const moved = new Map();

function read(id) {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT + (id || "new")) ?? "[]");
    return Array.isArray(kept) ? kept.filter((file) => typeof file?.id === "string" && file.id) : NONE;
  } catch {
    return NONE;
  }
}

function filesOf(id) {
  if (!shelves.has(id)) shelves.set(id, read(id));
  return shelves.get(id);
}

function putFiles(id, files) {
  shelves.set(id, files);
  const whole = files.filter((file) => file.id).map(({ id: known, name, picture, size, width, height }) => ({ id: known, name, picture, size, width, height }));
  if (whole.length) localStorage.setItem(KEPT + (id || "new"), JSON.stringify(whole));
  else localStorage.removeItem(KEPT + (id || "new"));
  watchers.forEach((watcher) => watcher());
}

/** Another tab has changed a draft. */
function changedElsewhere({ key }) {
  if (!key?.startsWith(KEPT)) return;
  const id = key.slice(KEPT.length).replace(/^new$/, "");
  if (shelves.get(id)?.some((file) => file.busy)) return;
  shelves.delete(id);
  watchers.forEach((watcher) => watcher());
}

export function inWords(bytes) {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 999_500) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1).replace(/\.0$/, "")} MB`;
}

/** A photograph that is too large, made small enough; any other file as it is. */
async function fitting(file, limits) {
  if (!PICTURES.includes(file.type) || file.size <= limits.pictureBytes) return file;
  const seen = await createImageBitmap(file);
  const scale = Math.min(1, SMALLER_EDGE / Math.max(seen.width, seen.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(seen.width * scale));
  canvas.height = Math.max(1, Math.round(seen.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(seen, 0, 0, canvas.width, canvas.height);
  seen.close();
  const made = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  return made ? new File([made], `${file.name.replace(/\.[^.]*$/, "")}.jpg`, { type: "image/jpeg" }) : file;
}

/** Take a file to the server. Resolves to what it is, or to words about why not. */
async function upload(file, limits) {
  const whole = await fitting(file, limits).catch(() => file);
  const most = whole.type.startsWith("image/") ? limits.pictureBytes : limits.textBytes;
  if (whole.size > Math.max(limits.pictureBytes, limits.textBytes)) return { words: `${file.name} is larger than ${inWords(most)}.` };
  try {
    const address = backendUrl(`/api/attachments?name=${encodeURIComponent(whole.name.toWellFormed?.() ?? whole.name)}`);
    const answer = await fetch(address, { method: "POST", credentials: "include", body: whole });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) return { words: body.error ?? UNREACHABLE };
    const { id, name, width, height } = body;
    return { file: { id, name, width, height, picture: body.mediaType !== "text/plain", size: inWords(body.bytes) } };
  } catch {
    return { words: UNREACHABLE };
  }
}

function change(home, key, made) {
  const id = moved.get(home) ?? home;
  const files = filesOf(id);
  const known = files.some((file) => file.key === key);
  if (known) putFiles(id, files.flatMap((file) => (file.key === key ? made(file) : [file])));
  return known;
}

/** Attach files to the draft of a conversation. Says (`tell`) in words what could not be; resolves to whether all were. */
export async function attach(home, given, limits, tell) {
  const free = limits.files - filesOf(home).length;
  const taken = given.slice(0, Math.max(free, 0)).map((file) => ({ file, key: requestId() }));
  tell(given.length > taken.length ? `A message can have at most ${limits.files} files.` : "");
  const begun = taken.map(({ file, key }) => {
    const picture = PICTURES.includes(file.type) || file.type === "image/gif";
    return { key, name: file.name, picture, size: inWords(file.size), busy: true, shown: picture ? URL.createObjectURL(file) : "" };
  });
  putFiles(home, [...filesOf(home), ...begun]);
  const outcomes = taken.map(async ({ file, key }) => {
    const outcome = await upload(file, limits);
    const wanted = change(home, key, ({ shown }) => (outcome.file ? [{ ...outcome.file, key, shown }] : []));
    if (outcome.words && wanted) tell(outcome.words);
    if (outcome.file && !wanted) forget(outcome.file.id);
    return Boolean(outcome.file);
  });
  return given.length === taken.length && (await Promise.all(outcomes)).every(Boolean);
}

const forget = (id) => fetch(backendUrl(`/api/attachments/${encodeURIComponent(id)}`), { method: "DELETE", credentials: "include" }).catch(() => {});

/** Take a file out of a draft. */
export function detach(home, file) {
  if (file.shown) URL.revokeObjectURL(file.shown);
  putFiles(home, filesOf(home).filter((other) => other !== file));
  if (file.id) forget(file.id);
}

/** The draft was sent. */
export const clear = (home) => putFiles(home, NONE);

/** A message that could not be sent is a draft again, unless there is another. */
export const giveBack = (home, files) => filesOf(home).length || putFiles(home, files);

/** What was attached in a new chat while its first reply came belongs to the chat that it has become. */
export function moveTo(id) {
  moved.set("", id);
  putFiles(id, filesOf(""));
  putFiles("", NONE);
}

const watch = (watcher) => {
  if (!watchers.size) window.addEventListener("storage", changedElsewhere);
  watchers.add(watcher);
  return () => {
    watchers.delete(watcher);
    if (!watchers.size) window.removeEventListener("storage", changedElsewhere);
  };
};

export function useFiles(home) {
  const files = useSyncExternalStore(watch, () => filesOf(home), () => NONE);
  useEffect(() => {
    if (!home) moved.delete("");
  }, [home]);
  return files;
}
