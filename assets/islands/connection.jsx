// Whether there is a connection. A browser knows at once that its network is gone; the socket notices only later.
import { useSyncExternalStore } from "react";

function watch(changed) {
  window.addEventListener("online", changed);
  window.addEventListener("offline", changed);
  return () => {
    window.removeEventListener("online", changed);
    window.removeEventListener("offline", changed);
  };
}

/** Whether nothing can be sent now; `lost` is what the socket knows of it. */
export function useAway(lost) {
  return !useSyncExternalStore(watch, () => navigator.onLine, () => true) || Boolean(lost);
}

export function ConnectionNote({ lost }) {
  if (!useAway(lost)) return null;
  return (
    <p className="strip" role="status" data-testid="connection-lost">
      Connection lost. Reconnecting; nothing you asked for is lost.
    </p>
  );
}
