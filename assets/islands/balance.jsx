// One balance in every tab. A tab that has read a balance tells the others, who read theirs again if they know another;
// a tab that comes back into sight reads again, because another device or a payment may have moved it.
import { useEffect, useRef } from "react";

// Coming back sets off several events of the browser's at once.
const REST_MS = 1000;

export function BalanceWatch({ known, onStale }) {
  const channel = useRef(null);
  const latest = useRef({ known, onStale });
  latest.current = { known, onStale };

  useEffect(() => {
    const heard = new BroadcastChannel("loom");
    channel.current = heard;
    heard.onmessage = ({ data }) => {
      if (data?.kind === "balance" && data.known !== latest.current.known) latest.current.onStale?.();
    };
    let looked = performance.now();
    const look = () => {
      if (document.visibilityState !== "visible" || performance.now() - looked < REST_MS) return;
      looked = performance.now();
      latest.current.onStale?.();
    };
    document.addEventListener("visibilitychange", look);
    window.addEventListener("focus", look);
    return () => {
      heard.close();
      channel.current = null;
      document.removeEventListener("visibilitychange", look);
      window.removeEventListener("focus", look);
    };
  }, []);

  useEffect(() => {
    if (known) channel.current?.postMessage({ kind: "balance", known });
  }, [known]);
  return null;
}
