// Markdown for replies. Model output is untrusted: raw HTML stays text, links that are not http, https or mailto lose
// their target (markdown_tree.js), images are never fetched (a remote image could carry the conversation away in its
// address). Colours of code and maths come from libraries that are loaded when the first of their kind is there.
import { memo, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { splitBlocks } from "./blocks.js";
import { copyText } from "./clipboard.js";
import { coloured } from "./highlight.js";
import { drawMarkdown } from "./markdown_tree.js";
import { DISPLAY, INLINE, hideMaths } from "./maths.js";

const sourceOf = (code) => code?.children?.map((child) => child.value ?? "").join("") ?? "";

function Colours({ source, language, children }) {
  const [tries, again] = useReducer((count) => count + 1, 0);
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const html = useMemo(() => coloured(source, language, () => mounted.current && again()), [source, language, tries]);
  return html === null ? children : <code dangerouslySetInnerHTML={{ __html: html }} />;
}

function Code({ node, children }) {
  const code = node?.children?.[0];
  const language = (code?.properties?.className?.[0] ?? "").replace("language-", "");
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    setCopied(await copyText(sourceOf(code).replace(/\n$/, "")));
    setTimeout(() => setCopied(false), 1600);
  };
  return (
    <figure className="code">
      <figcaption>
        <span>{language || "text"}</span>
        <button type="button" onClick={copy} aria-live="polite">
          {copied ? "Copied" : "Copy"}
        </button>
      </figcaption>
      <pre tabIndex={0}>
        <Colours source={sourceOf(code)} language={language}>
          {children}
        </Colours>
      </pre>
    </figure>
  );
}

let katex;
const loadKatex = () => {
  katex ??= Promise.all([import("katex"), import("katex/dist/katex.min.css")]).then(([{ default: library }]) => library);
  return katex;
};

/** A formula. Until the library is there, and where the formula is none, its source stands in its place. */
function Maths({ tex, display }) {
  const [html, setHtml] = useState(null);
  useEffect(() => {
    let here = true;
    loadKatex()
      .then((library) => {
        // Nothing in a formula is trusted: no links, no styles of its own, and sizes and expansions have an end.
        const limits = { trust: false, strict: "ignore", maxSize: 20, maxExpand: 200 };
        const made = library.renderToString(tex, { displayMode: display, throwOnError: false, ...limits });
        if (here) setHtml(made);
      })
      .catch(() => {
        katex = undefined;
      });
    return () => {
      here = false;
    };
  }, [tex, display]);
  const className = display ? "maths-display" : "maths";
  if (html === null) return <code className={`${className} maths-source`}>{tex}</code>;
  return <span className={className} dangerouslySetInnerHTML={{ __html: html }} />;
}

function InlineCode({ children }) {
  const text = typeof children === "string" ? children : "";
  if (text.startsWith(INLINE)) return <Maths tex={text.slice(1)} display={false} />;
  if (text.startsWith(DISPLAY)) return <Maths tex={text.slice(1)} display />;
  return <code>{children}</code>;
}

// Headings in a reply stand below the page's own: a reply never begins a second page for those who hear it.
const heading = (Level, className) => {
  const Heading = ({ children }) => <Level className={className}>{children}</Level>;
  return Heading;
};

const COMPONENTS = {
  h1: heading("h3", "first-rank"),
  h2: heading("h3"),
  h3: heading("h4"),
  h4: heading("h5"),
  h5: heading("h6"),
  pre: Code,
  code: InlineCode,
  a: ({ href, children }) =>
    href ? (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ) : (
      <span>{children}</span>
    ),
  img: ({ src, alt }) => <span className="image-note">{`Image: ${alt || src || "without a name"}`}</span>,
  table: ({ children }) => (
    <div className="table-scroll" role="region" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
};

const Block = memo(function Block({ text }) {
  return drawMarkdown(hideMaths(text), COMPONENTS);
});

/** The whole text as memoised blocks: while it grows, only the last one is drawn again. */
export function Blocks({ text }) {
  const blocks = useMemo(() => splitBlocks(text), [text]);
  return blocks.map((block, index) => <Block key={index} text={block} />);
}
