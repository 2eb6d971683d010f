// Where the HTTP routes answer. In production page and routes share one origin; in development the Python process
// listens on a port of its own, which Reflex knows.
import { getBackendURL } from "$/utils/state";

export function backendUrl(path) {
  return import.meta.env.DEV ? new URL(path, getBackendURL().origin).href : path;
}

/** POST JSON with the session cookie. Resolves to {ok, body}; a network failure resolves to ok=false with words. */
export async function postJson(path, data) {
  try {
    const answer = await fetch(backendUrl(path), {
      method: "POST",
      credentials: "include",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(data ?? {}),
    });
    const body = await answer.json().catch(() => ({}));
    return { ok: answer.ok, body };
  } catch {
    return { ok: false, body: { error: "The server cannot be reached. Please try again in a moment." } };
  }
}
