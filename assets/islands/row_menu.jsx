// What can be done to one conversation. It opens over everything beside its button, so that no scrolling list cuts it
// off; arrows travel, Esc and Tab close it, and the focus returns to the button.
import { useEffect, useLayoutEffect, useRef } from "react";
import { createPortal } from "react-dom";

const GAP_PX = 4;
const MARGIN_PX = 8;

export function RowMenu({ button, label, items, onClose }) {
  const box = useRef(null);
  const close = useRef(onClose);
  close.current = onClose;
  useLayoutEffect(() => {
    const { top, bottom, right } = button.getBoundingClientRect();
    const { offsetHeight: height, offsetWidth: width, style } = box.current;
    const below = bottom + GAP_PX + height < window.innerHeight - MARGIN_PX;
    style.top = `${below ? bottom + GAP_PX : Math.max(MARGIN_PX, top - GAP_PX - height)}px`;
    style.left = `${Math.max(MARGIN_PX, right - width)}px`;
    box.current.querySelector("button").focus({ preventScroll: true });
  }, [button]);
  useEffect(() => {
    const away = (event) => {
      if (!box.current?.contains(event.target) && !button.contains(event.target)) close.current(false);
    };
    const moved = (event) => {
      if (event.type === "resize" || event.target.contains?.(button)) close.current(false);
    };
    // On the window, before whatever else Esc closes.
    const keys = (event) => {
      if (event.key !== "Escape" && event.key !== "Tab") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      close.current(true);
    };
    window.addEventListener("pointerdown", away, true);
    window.addEventListener("keydown", keys, true);
    window.addEventListener("scroll", moved, true);
    window.addEventListener("resize", moved);
    return () => {
      window.removeEventListener("pointerdown", away, true);
      window.removeEventListener("keydown", keys, true);
      window.removeEventListener("scroll", moved, true);
      window.removeEventListener("resize", moved);
    };
  }, [button]);
  const travel = (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = [...box.current.querySelectorAll("button")];
    const here = buttons.indexOf(document.activeElement);
    const next = Number.isFinite(step) ? (here + step + buttons.length) % buttons.length : step < 0 ? 0 : buttons.length - 1;
    buttons[next].focus();
  };
  return createPortal(
    <div ref={box} className="menu-list row-menu" role="menu" aria-label={label} onKeyDown={travel}>
      {items.map(({ test, icon: Icon, words, keys, act, keepsFocus }) => (
        <button
          key={test}
          type="button"
          role="menuitem"
          tabIndex={-1}
          data-testid={test}
          aria-keyshortcuts={keys}
          onClick={() => {
            onClose(!keepsFocus);
            act();
          }}
        >
          <Icon size={14} aria-hidden />
          <span className="grow">{words}</span>
          {keys ? <kbd aria-hidden>{keys === "Delete" ? "Del" : keys}</kbd> : null}
        </button>
      ))}
    </div>,
    document.body,
  );
}
