// Leaving: ending the session, and forgetting in this browser who was here. Apart from the form, which no page needs that
// somebody signed in to.
import { postJson } from "./backend.js";
import { forgetSent } from "./sent.js";

// Reflex finds what the server remembers of a tab by this key. It must not outlive the person: the next load would draw
// the pages of whoever was here before, until the server has looked at the cookie. Other tabs hear of it (loom.js).
export const forgetPerson = () => {
  sessionStorage.removeItem("token");
  localStorage.setItem("loom:person-changed", String(Date.now()));
};

/** The drafts of a person who leaves. */
export const forgetDrafts = () => {
  Object.keys(localStorage)
    .filter((key) => key.startsWith("loom:draft"))
    .forEach((key) => localStorage.removeItem(key));
  forgetSent();
};

/** Ends the session on the server, forgets the drafts kept in this browser, and leaves. */
export async function leave() {
  if (window.Clerk?.session) {
    // What follows from it clerk.jsx does.
    await window.Clerk.signOut();
    return;
  }
  const { ok } = await postJson("/api/auth/sign-out");
  if (!ok) return;
  forgetDrafts();
  forgetPerson();
  window.loomNext.take();
  window.location.assign("/sign-in");
}

export function SignOut({ className, children }) {
  return (
    <button type="button" className={className} onClick={leave} data-testid="sign-out" aria-label="Sign out" title="Sign out">
      {children}
    </button>
  );
}
