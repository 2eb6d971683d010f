// Markdown for replies. Model output is untrusted: raw HTML stays text, links that are not http, https or mailto lose
// their target, images are never fetched (a remote image could carry the conversation away in its address).
import { memo, useMemo, useState } from "react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { splitBlocks } from "./blocks.js";
import { copyText } from "./clipboard.js";

const PLUGINS = [remarkGfm];

function Code({ node, children }) {
  const code = node?.children?.[0];
  const language = (code?.properties?.className?.[0] ?? "").replace("language-", "");
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    const source = code?.children?.map((child) => child.value ?? "").join("") ?? "";
    setCopied(await copyText(source.replace(/\n$/, "")));
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
      <pre tabIndex={0}>{children}</pre>
    </figure>
  );
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
  return (
    <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
      {text}
    </ReactMarkdown>
  );
});

/** The whole text as memoised blocks: while it grows, only the last one is drawn again. */
export function Blocks({ text }) {
  const blocks = useMemo(() => splitBlocks(text), [text]);
  return blocks.map((block, index) => <Block key={index} text={block} />);
}
