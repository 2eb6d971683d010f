// The keyboard shortcuts, in one table: what listens asks `shortcutOf`, and what is shown to people is this same table, so
// that it cannot say anything but what is so. `Mod` is the command key on a Mac and the control key elsewhere. Those with
// a `place` are answered there, and only while its element is in the page.
const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

export const SHORTCUTS = [
  { id: "palette", keys: "Mod+K", words: "Search and commands", group: "Everywhere" },
  { id: "help", keys: "?", words: "Keyboard shortcuts", group: "Everywhere" },
  { id: "new-chat", keys: "Mod+Shift+O", words: "New chat", group: "Everywhere" },
  { id: "message", keys: "Shift+Escape", words: "Go to the message field", group: "Everywhere" },
  { id: "find", keys: "/", words: "Search what was said", group: "Everywhere", place: "[data-testid='list-search']" },
  { id: "usage", keys: "Mod+.", words: "Show or hide the usage panel", group: "Everywhere" },
  { id: "settings", keys: "Mod+,", words: "Settings", group: "Everywhere" },
  { id: "send", keys: "Enter", words: "Send the message", group: "While writing", place: "#composer" },
  { id: "line", keys: "Shift+Enter", words: "Begin a new line", group: "While writing", place: "#composer" },
  { id: "stop", keys: "Escape", words: "Stop the reply", group: "While writing", place: "#composer" },
];

const inField = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable='true']");

function matches(keys, event) {
  const parts = keys.split("+");
  const key = parts.pop();
  const mod = onMac ? event.metaKey : event.ctrlKey;
  const other = onMac ? event.ctrlKey : event.metaKey;
  if (event.altKey || other || mod !== parts.includes("Mod")) return false;
  // What needs Shift to be typed at all says so by itself.
  if (key.length === 1 && !parts.length) return event.key === key;
  return event.shiftKey === parts.includes("Shift") && event.key.toLowerCase() === key.toLowerCase();
}

/** The id of the shortcut that a key press is, or undefined. A key that writes is none while somebody writes. */
export function shortcutOf(event) {
  if (event.isComposing) return undefined;
  const found = SHORTCUTS.find(({ keys, place }) => !place && matches(keys, event));
  return found && found.keys.length === 1 && inField(event.target) ? undefined : found?.id;
}

const MAC = { Mod: "⌘", Shift: "⇧", Escape: "Esc", Enter: "↵" };
const OTHER = { Mod: "Ctrl", Escape: "Esc" };

/** The keys of a shortcut as they are written on this machine's keyboard. */
export function keysOf(id) {
  const found = SHORTCUTS.find((one) => one.id === id);
  return found ? found.keys.split("+").map((key) => (onMac ? MAC : OTHER)[key] ?? key) : [];
}
