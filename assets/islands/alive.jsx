// Draws nothing: says that the page it stands on has its handlers by now (loom.js repeats what was pressed before).
import { useEffect } from "react";

export function Alive() {
  useEffect(() => {
    document.documentElement.setAttribute("data-alive", "");
    window.dispatchEvent(new Event("loom:alive"));
  }, []);
  return null;
}
