// Where a search led: the message that the address names comes into view and is softly marked, and so are the words in
// it. Their marks are the browser's own highlights, which leave the page as it is; a browser without them goes without.
import { useEffect } from "react";
import { useLocation } from "react-router";
import { matcher } from "./marked.jsx";

const NAME = "found-words";
// Replies take a moment to be drawn whole, which moves what is below them.
const SETTLING_MS = 800;
const MARKED_MS = 3_000;

function markWords(message, query) {
  const wanted = query && typeof Highlight !== "undefined" ? matcher(query) : null;
  if (!wanted) return;
  const ranges = [];
  const texts = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: node } = texts;
    if (node.parentElement.closest(".sr-only, .reply-footer, button")) continue;
    for (const { 0: found, index } of node.data.matchAll(wanted)) {
      const range = new Range();
      range.setStart(node, index);
      range.setEnd(node, index + found.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set(NAME, new Highlight(...ranges));
}

export function FoundMessage({ conversationId, ready }) {
  const { search } = useLocation();
  useEffect(() => {
    const asked = new URLSearchParams(search);
    const at = asked.get("at");
    if (!ready || !at || !conversationId) return undefined;
    const message = document.querySelector(`[data-message="${CSS.escape(at)}"]`);
    if (!message) return undefined;
    const show = () => {
      message.scrollIntoView({ block: "center" });
      markWords(message, asked.get("find") ?? "");
    };
    const observer = new ResizeObserver(show);
    const rest = () => observer.disconnect();
    // After the thread has gone to its end, as it does when it opens.
    const frame = requestAnimationFrame(() => {
      show();
      observer.observe(message.parentElement);
      message.classList.add("found-message");
    });
    const timers = [setTimeout(rest, SETTLING_MS), setTimeout(() => message.classList.remove("found-message"), MARKED_MS)];
    const moves = ["wheel", "touchmove", "keydown", "pointerdown"];
    moves.forEach((move) => window.addEventListener(move, rest, { passive: true }));
    return () => {
      cancelAnimationFrame(frame);
      rest();
      timers.forEach(clearTimeout);
      moves.forEach((move) => window.removeEventListener(move, rest));
      message.classList.remove("found-message");
      globalThis.CSS?.highlights?.delete(NAME);
    };
  }, [conversationId, ready, search]);
  return null;
}
