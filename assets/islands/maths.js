// Finds maths in Markdown and hides it from the Markdown parser as inline code that begins with a mark of ours. Only
// $$…$$, \(…\) and \[…\] are maths: a single $ stays a dollar, and so do two with a space within. No formula is longer
// than a page, so that brackets which are never closed cost little. Code is left as it is.

// Private characters: no model writes them, and one that did would only see its words set as maths.
export const INLINE = "\uE000";
export const DISPLAY = "\uE001";

const FENCED = /^\s*(`{3,}|~{3,})/;
const PIECES = new RegExp(
  [
    /(?<!`)(`+)(?!`)[\s\S]*?[^`]\1(?!`)/, // code
    /\\\\/,
    /(?<=(?:^|\n)[ \t>*-]*)\$\$([\s\S]{1,4000}?)\$\$(?=[ \t]*(?:\n|$))/, // alone on its lines
    /\$\$(?=\S)([^\n]{1,4000}?)(?<=\S)\$\$/, // within a line
    /\\\[([\s\S]{1,4000}?)\\\]/,
    /\\\(([\s\S]{1,4000}?)\\\)/,
  ]
    .map((piece) => piece.source)
    .join("|"),
  "g",
);

function code(mark, tex) {
  const line = tex.trim().replace(/\s*\n\s*/g, " ");
  if (!line) return null;
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${mark}${line}${line.endsWith("`") ? " " : ""}${fence}`;
}

/** The same block of Markdown with its maths as marked code. */
export function hideMaths(block) {
  if (FENCED.test(block) || !/\$\$|\\[([]/.test(block)) return block;
  return block.replace(PIECES, (whole, _ticks, lines, dollars, brackets, round) => {
    const display = lines ?? dollars ?? brackets;
    if (display !== undefined) return code(DISPLAY, display) ?? whole;
    return round === undefined ? whole : (code(INLINE, round) ?? whole);
  });
}
