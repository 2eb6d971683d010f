// A modal that the browser itself keeps: focus stays inside, Esc and a click beside it close it.
import { useEffect, useRef } from "react";

export function Dialog({ label, onClose, children }) {
  const box = useRef(null);
  useEffect(() => {
    const element = box.current;
    if (!element.open) element.showModal();
  }, []);
  const beside = (event) => {
    if (event.target === box.current) box.current.close();
  };
  return (
    <dialog ref={box} className="dialog" aria-label={label} onClose={() => onClose?.()} onClick={beside}>
      <div className="dialog-body">{children}</div>
    </dialog>
  );
}
