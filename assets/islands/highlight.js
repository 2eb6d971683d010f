// Colours for code, loaded when the first code block of a language is there: the core and one small file for each.
const LANGUAGES = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  csharp: () => import("highlight.js/lib/languages/csharp"),
  css: () => import("highlight.js/lib/languages/css"),
  diff: () => import("highlight.js/lib/languages/diff"),
  go: () => import("highlight.js/lib/languages/go"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  kotlin: () => import("highlight.js/lib/languages/kotlin"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  php: () => import("highlight.js/lib/languages/php"),
  python: () => import("highlight.js/lib/languages/python"),
  ruby: () => import("highlight.js/lib/languages/ruby"),
  rust: () => import("highlight.js/lib/languages/rust"),
  sql: () => import("highlight.js/lib/languages/sql"),
  swift: () => import("highlight.js/lib/languages/swift"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};
const OTHER_NAMES = {
  "c#": "csharp", "c++": "cpp", cs: "csharp", golang: "go", html: "xml", js: "javascript", jsx: "javascript",
  kt: "kotlin", md: "markdown", py: "python", rb: "ruby", rs: "rust", sh: "bash", shell: "bash", svg: "xml",
  ts: "typescript", tsx: "typescript", yml: "yaml", zsh: "bash",
};
// Longer code is shown without colours rather than late.
const MAX_CHARS = 30_000;

const ready = new Map();

async function load(language) {
  const [{ default: core }, { default: grammar }] = await Promise.all([import("highlight.js/lib/core"), LANGUAGES[language]()]);
  core.registerLanguage(language, grammar);
  return (source) => core.highlight(source, { language, ignoreIllegals: true }).value;
}

const known = (language) => {
  const name = language.toLowerCase();
  const found = OTHER_NAMES[name] ?? name;
  return Object.hasOwn(LANGUAGES, found) ? found : null;
};

/**
 * Code as HTML with colours, every character of the source escaped; null where the language is unknown, not loaded yet
 * (then `onReady` is called once it is) or the code is too long.
 */
export function coloured(source, language, onReady) {
  const name = known(language);
  if (!name || source.length > MAX_CHARS) return null;
  const have = ready.get(name);
  if (typeof have === "function") return have(source);
  if (!have) {
    const loading = load(name).then((paint) => ready.set(name, paint));
    // Without its file (the network is away) the code simply stays plain, and is tried again with the next block.
    ready.set(name, loading.catch(() => ready.delete(name)));
  }
  ready.get(name).then?.(onReady);
  return null;
}
