// What closes a modal from outside: a click beside it. It has to begin and to end there: a press on a button that moves
// away under the pointer comes as a click on the box around both places, which is the modal itself.
import { useRef } from "react";

/** The handlers of a dialog whose element `box` holds. */
export function useClickBeside(box) {
  const pressed = useRef(false);
  return {
    onPointerDown: (event) => {
      pressed.current = event.target === box.current;
    },
    onPointerUp: (event) => {
      pressed.current = pressed.current && event.target === box.current;
    },
    onClick: (event) => {
      if (pressed.current && event.target === box.current) box.current.close();
    },
  };
}
