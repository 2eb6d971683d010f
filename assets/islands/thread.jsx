// The scrolling middle of the chat. A conversation opens at its end; a new question goes to the top and the reply
// unrolls below while the view rests. Nothing ever scrolls by itself while a reader reads: the end is one button away.
// A long conversation comes in pieces: what lies before is asked for as somebody scrolls towards it, and the view rests.
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import ArrowDown from "lucide-react/dist/esm/icons/arrow-down.mjs";

const FAR_PX = 64;
const ABOVE_PX = 12;
const NEAR_TOP_PX = 900;

const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/** How much of what was said lies below the view. The empty room under the last reply does not count. */
function distanceToEnd(view, inner) {
  return inner.offsetTop + inner.offsetHeight - view.scrollTop - view.clientHeight - view.offsetTop;
}

/** Leave as much room below the newest question as puts it at the top of the view; it shrinks as the reply grows. */
function makeRoom(view, inner, room, anchor) {
  const question = anchor ? document.getElementById(anchor) : null;
  const said = question ? inner.offsetTop + inner.offsetHeight - question.offsetTop : 0;
  const height = question ? Math.max(0, view.clientHeight - said - ABOVE_PX) : 0;
  room.style.height = `${height}px`;
}

/** Open a menu to the side where there is room for it. */
function turnMenu(view, menu) {
  const list = menu.querySelector(":scope > .menu-list");
  if (!list) return;
  menu.classList.remove("upwards");
  const { bottom, height } = list.getBoundingClientRect();
  const frame = view.getBoundingClientRect();
  const above = menu.getBoundingClientRect().top - frame.top;
  if (bottom > frame.bottom && above > height) menu.classList.add("upwards");
}

/** What is put before the first message moves the view along with it. Returns a function to call at each new size. */
function keepPlace(view) {
  let seen = null;
  return (first) => {
    const before = seen && first !== seen.id ? document.getElementById(seen.id) : null;
    if (before) view.scrollTop += before.offsetTop - seen.top;
    seen = first ? { id: first, top: document.getElementById(first)?.offsetTop ?? 0 } : null;
  };
}

export function Thread({ conversationId, anchor, attention, first, more, onTop, children }) {
  const view = useRef(null);
  const inner = useRef(null);
  const room = useRef(null);
  const last = useRef(null);
  const [away, setAway] = useState(false);
  const latest = useRef({});
  latest.current = { first, more, onTop };
  const asked = useRef(null);

  useEffect(() => {
    const element = view.current;
    const place = keepPlace(element);
    const look = () => {
      setAway(inner.current && distanceToEnd(element, inner.current) > FAR_PX);
      const top = latest.current;
      if (!top.more || asked.current === top.first || element.scrollTop > NEAR_TOP_PX) return;
      asked.current = top.first;
      top.onTop?.();
    };
    const measure = () => {
      place(latest.current.first);
      if (inner.current) makeRoom(element, inner.current, room.current, last.current?.anchor);
      look();
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(inner.current);
    element.addEventListener("scroll", look, { passive: true });
    const opened = ({ target }) => target.matches?.("details.menu[open]") && turnMenu(element, target);
    element.addEventListener("toggle", opened, true);
    return () => {
      observer.disconnect();
      element.removeEventListener("toggle", opened, true);
      element.removeEventListener("scroll", look);
    };
  }, []);

  useLayoutEffect(() => {
    const before = last.current;
    last.current = { conversationId, anchor };
    makeRoom(view.current, inner.current, room.current, anchor);
    const question = anchor ? document.getElementById(anchor) : null;
    if (!question) {
      // Another branch of the same conversation: the view rests where it is.
      if (before?.conversationId === conversationId) return;
      asked.current = null;
      view.current.scrollTop = view.current.scrollHeight;
      return;
    }
    const smooth = before?.conversationId === conversationId && before?.anchor !== anchor && !calm();
    const top = question.offsetTop - inner.current.offsetTop - ABOVE_PX;
    view.current.scrollTo({ top: Math.max(0, top), behavior: smooth ? "smooth" : "instant" });
  }, [conversationId, anchor]);

  const toEnd = () => {
    const top = inner.current.offsetHeight - view.current.clientHeight;
    view.current.scrollTo({ top, behavior: calm() ? "instant" : "smooth" });
  };
  // A card that explains why nothing was sent stands at the end; it must not appear out of sight.
  useEffect(() => {
    if (!attention) return undefined;
    toEnd();
    // Its last lines may come a moment later (the balance is read again), and the composer may grow meanwhile.
    const wall = inner.current.querySelector(".wall");
    if (!wall) return undefined;
    const observer = new ResizeObserver(() => wall.scrollIntoView({ block: "end" }));
    observer.observe(wall);
    observer.observe(view.current);
    return () => observer.disconnect();
  }, [attention]);
  return (
    <div className="thread-frame">
      <div className="thread" ref={view} tabIndex={0} role="region" aria-label="Conversation">
        <div className="thread-inner" ref={inner}>
          {children}
        </div>
        <div ref={room} aria-hidden />
      </div>
      {away && first ? (
        <button type="button" className="to-end" onClick={toEnd} aria-label="Go to the end" title="Go to the end">
          <ArrowDown size={16} aria-hidden />
        </button>
      ) : null}
    </div>
  );
}
