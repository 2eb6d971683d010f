// Cuts a growing Markdown text into top-level blocks, so that while a reply streams only its last block is parsed and
// drawn again. A block ends at a blank line outside a code fence, unless what follows still belongs to it: an indented
// line, or the next item of the same list.

const FENCE = /^\s*(`{3,}|~{3,})/;
const LIST_ITEM = /^\s{0,3}([-*+]|\d{1,9}[.)])\s/;
const INDENTED = /^(\s{2,}|\t)\S/;
const DEFINITION = /^ {0,3}\[(?!\^)[^\]]+\]:\s+\S/;

function closes(fence, line) {
  const mark = line.trim();
  return mark.length >= fence.length && mark === fence[0].repeat(mark.length);
}

/** The blocks of `text`, in order. Link definitions found anywhere are appended to each, so that references resolve. */
export function splitBlocks(text) {
  const blocks = [];
  const definitions = [];
  let lines = [];
  let fence = null;
  let blank = false;
  const flush = () => {
    if (lines.length) blocks.push(lines.join("\n"));
    lines = [];
  };
  for (const line of text.split("\n")) {
    if (fence) {
      lines.push(line);
      if (closes(fence, line)) fence = null;
      continue;
    }
    if (!line.trim()) {
      blank = true;
      if (lines.length) lines.push(line);
      continue;
    }
    const inList = lines.length > 0 && LIST_ITEM.test(lines[0]);
    if (blank && !(inList && (INDENTED.test(line) || LIST_ITEM.test(line)))) flush();
    blank = false;
    if (DEFINITION.test(line)) definitions.push(line);
    fence = FENCE.exec(line)?.[1] ?? null;
    lines.push(line);
  }
  flush();
  if (!definitions.length) return blocks;
  const appendix = "\n\n" + definitions.join("\n");
  return blocks.map((block) => block + appendix);
}
