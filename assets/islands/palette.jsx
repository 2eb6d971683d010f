// What listens to the keyboard on every page of the workspace, and opens the command palette. The palette itself is
// loaded when it is first asked for.
import { Suspense, lazy, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { keysOf, shortcutOf } from "./shortcuts.js";

const load = () => import("./palette_box.jsx");
const Box = lazy(load);

/** Names the key beside what a button says, when somebody looks at it. */
function hint(event) {
  const found = event.target instanceof Element ? event.target.closest("[data-shortcut]") : null;
  if (!found || found.dataset.hinted) return;
  found.dataset.hinted = "yes";
  const words = found.getAttribute("title") || found.getAttribute("aria-label") || found.textContent.trim();
  found.setAttribute("title", `${words} (${keysOf(found.dataset.shortcut).join("+")})`);
}

const busyElsewhere = () => document.querySelector("dialog[open]:not(.palette)") !== null;

export function Palette({ pages, models, mode, model, sellsCredits, onOpen, onModel, onMode, onGuide }) {
  const [view, setView] = useState("");
  const navigate = useNavigate();
  const now = useRef({});
  now.current = { view, models, navigate, onOpen };
  // What is typed before the palette is there goes into it, not into the field behind.
  const early = useRef("");
  const opening = useRef(false);
  useEffect(() => {
    if (!view) opening.current = false;
  }, [view]);

  useEffect(() => {
    const open = (wanted) => {
      if (busyElsewhere()) return;
      if (!now.current.models?.length) now.current.onOpen?.();
      // Closed by the browser itself, it gives the focus back to where it was.
      if (now.current.view === wanted) document.querySelector("dialog.palette")?.close();
      else {
        early.current = "";
        opening.current = true;
        load().then(
          () => setView(wanted),
          () => {
            // Its script cannot be had: the server is away, which the page says by itself.
            opening.current = false;
          },
        );
      }
    };
    const go = (to) => {
      if (!busyElsewhere()) now.current.navigate(to);
    };
    const actions = {
      palette: () => open("commands"),
      help: () => open("help"),
      "new-chat": () => go("/"),
      settings: () => go("/settings"),
      message: () => document.getElementById("composer")?.focus(),
      usage: () => document.querySelector('[data-toggle="usage"]')?.click(),
    };
    const onKey = (event) => {
      if (opening.current && !document.querySelector("dialog.palette[open]")) {
        if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) early.current += event.key;
        event.preventDefault();
        return;
      }
      const id = shortcutOf(event);
      if (!id) return;
      event.preventDefault();
      actions[id]();
    };
    const onClick = (event) => {
      const button = event.target instanceof Element ? event.target.closest("[data-palette]") : null;
      if (button) open(button.dataset.palette);
    };
    document.addEventListener("keydown", onKey);
    document.addEventListener("click", onClick);
    document.addEventListener("pointerover", hint);
    document.addEventListener("focusin", hint);
    const idle = window.requestIdleCallback ?? ((then) => setTimeout(then, 2000));
    idle(() => load().catch(() => {}));
    return () => {
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("click", onClick);
      document.removeEventListener("pointerover", hint);
      document.removeEventListener("focusin", hint);
    };
  }, []);

  if (!view) return null;
  return (
    <Suspense fallback={null}>
      <Box
        view={view}
        showView={setView}
        early={early}
        commands={{ pages, models, mode, model, sellsCredits, onModel, onMode, onGuide, navigate }}
      />
    </Suspense>
  );
}
