// Everything that the palette can do, as a list of {id, group, words, also, note, run}. `also` is further words by which
// it is found.
import { leave } from "./leaving.jsx";
import { backendUrl } from "./backend.js";

const THEMES = [
  ["system", "Theme: as the system", "dark light appearance colour"],
  ["light", "Theme: light", "appearance colour bright day"],
  ["dark", "Theme: dark", "appearance colour night"],
];

/** Bring the part of a page that an address names into view, as soon as it is there. */
function showPart(to) {
  const id = to.split("#")[1];
  let tries = 60;
  const look = () => {
    const part = id ? document.getElementById(id) : document.getElementById("main");
    if (part && (!id || part.childElementCount)) {
      if (id) part.scrollIntoView({ block: "start" });
      if (document.activeElement === document.body) part.focus({ preventScroll: true });
    } else if ((tries -= 1)) {
      setTimeout(look, 50);
    }
  };
  setTimeout(look, 50);
}

function here() {
  const found = /^\/c\/([^/]+)\/?$/.exec(window.location.pathname);
  if (!found) return [];
  const save = (format) => () => window.location.assign(backendUrl(`/api/conversations/${found[1]}/export?format=${format}`));
  return [
    { id: "export-md", group: "This conversation", words: "Save as Markdown", also: "export download text", run: save("md") },
    { id: "export-json", group: "This conversation", words: "Save as JSON", also: "export download", run: save("json") },
  ];
}

// What the message field offers, where there is one.
const FIELD = [
  { id: "attach", group: "Do", words: "Attach files", also: "upload picture image photo text document" },
  { id: "instructions", group: "Do", words: "Instructions for this chat", also: "system prompt custom tell model" },
];

function composing() {
  const offered = FIELD.map((one) => ({ ...one, button: document.querySelector(`[data-command="${one.id}"]`) }));
  return offered.filter(({ button }) => button).map(({ button, ...one }) => ({ ...one, run: () => button.click() }));
}

export function commandsOf({ pages, models, mode, model, sellsCredits, onModel, onMode, onGuide, navigate }, showView) {
  const goTo = (to) => () => {
    navigate(to);
    showPart(to);
  };
  const toPages = pages.map(({ words, to, also, shortcut }) => ({ id: to, group: "Go to", words, also, shortcut, run: goTo(to) }));
  const toModels = models.map((one) => ({
    id: `model-${one.id}`,
    group: "Answer with",
    words: one.label,
    also: `model switch ${one.intent} ${one.good_at}`,
    note: one.id === model ? "in use" : one.missing || `${one.price} a page`,
    run: () => onModel(one.id),
  }));
  const toModes = [
    ["own", "Pay with your own API keys"],
    ...(sellsCredits || mode === "credits" ? [["credits", "Pay with credits"]] : []),
  ].map(([value, words]) => ({
    id: `mode-${value}`,
    group: "Who pays",
    words,
    also: "payer mode switch",
    note: value === mode ? "in use" : "",
    run: () => onMode(value),
  }));
  const chosen = window.loomTheme.get();
  const toThemes = THEMES.map(([value, words, also]) => ({
    id: `theme-${value}`,
    group: "Look",
    words,
    also,
    note: value === chosen ? "in use" : "",
    run: () => window.loomTheme.set(value),
  }));
  return [
    { id: "new-chat", group: "Do", words: "New chat", also: "start conversation", shortcut: "new-chat", run: goTo("/") },
    {
      id: "usage",
      group: "Do",
      words: "Show or hide the usage panel",
      also: "toggle cost spending balance",
      shortcut: "usage",
      run: () => document.querySelector('[data-toggle="usage"]')?.click(),
    },
    ...composing(),
    ...here(),
    ...toPages,
    ...toModels,
    ...toModes,
    ...toThemes,
    { id: "help", group: "Help", words: "Keyboard shortcuts", also: "keys hotkeys", shortcut: "help", stays: true, run: () => showView("help") },
    { id: "guide", group: "Help", words: "Show the guide again", also: "first run tour start onboarding", run: onGuide },
    { id: "sign-out", group: "Help", words: "Sign out", also: "log out leave", run: leave },
  ];
}

/** How well words fit what was typed: 0 is not at all. Each word typed must be found, best at a word's beginning. */
export function fit(typed, { words, also = "", group = "" }) {
  let total = 1;
  for (const part of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const found = Math.max(3 * fitOne(part, words.toLowerCase()), 2 * fitOne(part, also.toLowerCase()), fitOne(part, group.toLowerCase()));
    if (!found) return 0;
    total += found;
  }
  return total;
}

function fitOne(part, text) {
  const place = text.indexOf(part);
  if (place === 0) return 9;
  if (place > 0) return /[^a-z0-9]/.test(text[place - 1]) ? 8 : 4;
  let at = -1;
  let gaps = 0;
  for (const letter of part) {
    const next = text.indexOf(letter, at + 1);
    if (next < 0) return 0;
    gaps += at >= 0 ? next - at - 1 : 0;
    at = next;
  }
  return part.length > 2 && gaps <= 2 * part.length ? 1 : 0;
}
