// The words that were searched for, marked in a text. A word is marked where it begins one, as the search finds it.

/** What matches the words, or null where there are none. */
export function matcher(query) {
  const words = query.split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const escaped = words.sort((one, other) => other.length - one.length).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})`, "giu");
}

export function Marked({ text, query }) {
  const wanted = matcher(query);
  if (!wanted) return text;
  const pieces = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(wanted)) {
    pieces.push(text.slice(end, index), <mark key={index}>{found}</mark>);
    end = index + found.length;
  }
  return [...pieces, text.slice(end)];
}
