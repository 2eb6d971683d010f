// Who is signed in with Clerk, told to the server: a socket keeps the cookies that it was opened with, and each token
// of Clerk's lasts a minute. The server looks at every token; what is drawn here for somebody proves nothing.
import { useEffect, useRef } from "react";
import { useAuth } from "@clerk/clerk-react";
import { forgetDrafts, forgetPerson } from "./leaving.jsx";

const OFTEN = 45; // seconds between two tokens, or sooner where one ends sooner
const SPARE = 15; // so long before its end a token is replaced
const RETRY = 5;

/** How many seconds a token still lasts. */
function secondsLeft(token) {
  try {
    const words = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(words)).exp - Date.now() / 1000;
  } catch {
    return 0;
  }
}

export function ClerkSession({ onToken, children }) {
  const { isLoaded, userId, getToken } = useAuth();
  const now = useRef({});
  now.current = { onToken, getToken };
  const before = useRef("");

  useEffect(() => {
    if (!isLoaded) return;
    const earlier = before.current;
    before.current = userId ?? "";
    if (earlier && earlier !== before.current) {
      // Signed out, or as somebody else, wherever that was done: nothing of the one before may stay.
      forgetDrafts();
      forgetPerson();
      window.location.assign(userId ? "/" : "/sign-in");
      return;
    }
    if (!userId) {
      now.current.onToken("", false);
      return;
    }
    let timer;
    let over = false;
    let telling = false;
    let ends = 0;
    const tell = async (asked, fresh) => {
      if (telling || over) return;
      telling = true;
      clearTimeout(timer);
      let wait = RETRY;
      try {
        // One that is kept for later may end sooner than the next one is told.
        const token = await now.current.getToken(fresh ? { skipCache: true } : undefined);
        const left = token ? secondsLeft(token) : 0;
        if (!over && token) {
          now.current.onToken(token, asked);
          ends = Date.now() + left * 1000;
          wait = Math.min(OFTEN, Math.max(left - SPARE, RETRY));
        }
      } catch {
        // The network is away; it is tried again soon.
      }
      telling = false;
      if (!over) timer = setTimeout(() => tell(false, true), wait * 1000);
    };
    const seen = () => {
      // A tab behind others, or a machine that slept, is late.
      if (!document.hidden && Date.now() > ends - SPARE * 1000) tell(false, true);
    };
    window.loomAskClerk = () => tell(true, true);
    document.addEventListener("visibilitychange", seen);
    tell(false, false);
    return () => {
      over = true;
      clearTimeout(timer);
      delete window.loomAskClerk;
      document.removeEventListener("visibilitychange", seen);
    };
  }, [isLoaded, userId]);

  return children;
}
