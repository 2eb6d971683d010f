// The words that were searched for, marked in a text. A word is marked where it begins one, with or without the accents of
// Latin letters, as the search finds it.
const ACCENTS = "[\\u0300-\\u036f]*";
let accented;

/** The accented letters of each plain one, found once they are needed. */
function variants() {
  if (accented) return accented;
  accented = {};
  for (let code = 0xc0; code < 0x1f00; code += code === 0x24f ? 0x1bb1 : 1) {
    const sign = String.fromCharCode(code);
    const [base] = sign.normalize("NFD").toLowerCase();
    if (base >= "a" && base <= "z") accented[base] = (accented[base] ?? "") + sign;
  }
  return accented;
}

/** A pattern for one sign of a word that was asked for. */
function loosely(sign) {
  const more = variants()[sign.toLowerCase()];
  return more || /[a-z]/i.test(sign) ? `[${sign}${more ?? ""}]${ACCENTS}` : sign.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

const folded = (word) => word.normalize("NFD").replace(/([a-z])[\u0300-\u036f]+/gi, "$1").normalize("NFC");

/** What matches the words, or null where there are none. */
export function matcher(query) {
  const words = folded(query).split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const escaped = words.sort((one, other) => other.length - one.length).map((word) => [...word].map(loosely).join(""));
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
