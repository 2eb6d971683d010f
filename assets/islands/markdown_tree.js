// Markdown as React elements, by the parsers that react-markdown and remark-gfm stand on and without the two: half of
// what those load is for writing Markdown, for plugins and for SVG, which no reply needs.
import { createElement } from "react";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { toHast } from "mdast-util-to-hast";
import { gfm } from "micromark-extension-gfm";

const READING = { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] };
// HTML comes as nodes of its own, which are drawn as the text that they are.
const AS_TEXT = { allowDangerousHtml: true };

// The only attributes that a tree made of Markdown has, by what React calls them. Whatever else one had would be left out.
const ATTRIBUTES = {
  alt: "alt", ariaDescribedBy: "aria-describedby", ariaLabel: "aria-label", checked: "checked", className: "className",
  dataFootnoteBackref: "data-footnote-backref", dataFootnoteRef: "data-footnote-ref", dataFootnotes: "data-footnotes",
  disabled: "disabled", href: "href", id: "id", src: "src", start: "start", title: "title", type: "type",
};
const OUTSIDE = /^(https?|mailto):/i;
const WITHIN = /^[^:]*([/?#]|$)/;
// React takes no line breaks between the parts of a table.
const TABLE_PARTS = new Set(["table", "thead", "tbody", "tr"]);

/** The address if it leads to the web, to a mail or to a place within this site, else nothing. */
const safe = (address) => (OUTSIDE.test(address) || WITHIN.test(address) ? address : "");

function attributesOf({ properties }) {
  const found = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name === "align") found.style = { textAlign: value };
    else if (name === "href" || name === "src") found[name] = safe(String(value));
    else if (ATTRIBUTES[name]) found[ATTRIBUTES[name]] = Array.isArray(value) ? value.join(" ") : value;
  }
  return found;
}

function drawChildren({ tagName, children }, components) {
  const inTable = TABLE_PARTS.has(tagName);
  const drawn = [];
  children.forEach((child, index) => {
    if (child.type === "element") drawn.push(drawElement(child, components, index));
    else if (child.value !== undefined && !(inTable && !child.value.trim())) drawn.push(child.value);
  });
  // A lone text stays a text, as what draws code looks at.
  return drawn.length > 1 ? drawn : drawn[0];
}

function drawElement(node, components, key) {
  const part = components[node.tagName];
  const attributes = { ...attributesOf(node), key, ...(part ? { node } : {}) };
  return createElement(part ?? node.tagName, attributes, drawChildren(node, components));
}

/** Draw a text; `components` stand in for the elements they are named for, and are given the `node` too. */
export function drawMarkdown(text, components) {
  return drawChildren(toHast(fromMarkdown(text, READING), AS_TEXT), components);
}
