// The message that this tab has sent and the server has not yet said that it has: a network that goes away swallows what
// was on its way. Of this tab and not of the browser, since another tab cannot know whether it still comes through.
const KEPT = "loom:sent";

/** `{id, home, text, files, shown}`, or null. `shown` once it stands in the field again. */
export function sentMessage() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  } catch {
    return null;
  }
}

export function keepSent(message) {
  const files = message.files.map(({ id, name, picture, size, width, height }) => ({ id, name, picture, size, width, height }));
  sessionStorage.setItem(KEPT, JSON.stringify({ ...message, files }));
}

export const forgetSent = () => sessionStorage.removeItem(KEPT);
