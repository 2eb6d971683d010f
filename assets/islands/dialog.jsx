// A modal that the browser itself keeps: focus stays inside, Esc and a click beside it close it.
import { useEffect, useRef } from "react";
import { useClickBeside } from "./beside.js";

export function Dialog({ label, onClose, children }) {
  const box = useRef(null);
  useEffect(() => {
    const element = box.current;
    if (element.open) return;
    element.showModal();
    element.querySelector("[data-first]")?.focus();
  }, []);
  const beside = useClickBeside(box);
  return (
    <dialog ref={box} className="dialog" aria-label={label} onClose={() => onClose?.()} {...beside}>
      <div className="dialog-body">{children}</div>
    </dialog>
  );
}
