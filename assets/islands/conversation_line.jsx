// One line of a list: the link, a mark where a message was begun, and its menu or the way back; or the field of its title.
import { useEffect, useRef } from "react";
import { Link } from "react-router";
import ArchiveRestore from "lucide-react/dist/esm/icons/archive-restore.mjs";
import Ellipsis from "lucide-react/dist/esm/icons/ellipsis.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";

const MAX_TITLE_CHARS = 80;

export function Line({ row, shelf, current, draft, renaming, acts, onMenu, open }) {
  if (renaming) return <li><RenameForm row={row} onDone={acts.named} /></li>;
  const keys = (event) => {
    if (shelf !== "main" || event.altKey || event.ctrlKey || event.metaKey) return;
    const wanted = { F2: acts.rename, Delete: acts.remove }[event.key];
    if (!wanted) return;
    event.preventDefault();
    wanted();
  };
  const back = { archive: [ArchiveRestore, "Move back to the list", acts.unarchive], trash: [ArchiveRestore, "Restore", acts.restore] }[shelf];
  const [Icon, words, bring] = back ?? [];
  return (
    <li className="conversation">
      <Link
        to={`/c/${row.id}`}
        className="conversation-link"
        title={row.title}
        data-testid="conversation"
        data-travel=""
        data-closes-sheet=""
        aria-current={current ? "page" : "false"}
        onKeyDown={keys}
      >
        <span className="conversation-title">{row.title}</span>
        {draft ? <span className="list-badge" data-testid="draft-mark" title="A message that you have not sent">Draft</span> : null}
      </Link>
      {bring ? (
        <button type="button" className="icon-button" data-testid="bring-back" aria-label={`${words}: ${row.title}`} title={words} onClick={bring}>
          <Icon size={16} aria-hidden />
        </button>
      ) : (
        <button
          type="button"
          className="icon-button line-more"
          data-testid="conversation-menu"
          aria-label={`More: ${row.title}`}
          title="More"
          aria-haspopup="menu"
          aria-expanded={open}
          onClick={(event) => onMenu(event.currentTarget)}
        >
          <Ellipsis size={16} aria-hidden />
        </button>
      )}
    </li>
  );
}

function RenameForm({ row, onDone }) {
  const field = useRef(null);
  useEffect(() => {
    field.current.focus();
    field.current.select();
  }, []);
  const done = (title) => {
    const line = field.current.closest("li");
    onDone(title);
    requestAnimationFrame(() => line.querySelector("[data-travel]")?.focus());
  };
  const submit = (event) => {
    event.preventDefault();
    done(field.current.value);
  };
  const keys = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    done("");
  };
  return (
    <form className="row rename" onSubmit={submit}>
      <input ref={field} className="input small" data-testid="rename-field" data-takes-esc="" aria-label="Title" defaultValue={row.title} maxLength={MAX_TITLE_CHARS} onKeyDown={keys} />
      <button type="button" className="icon-button" aria-label="Keep the old title" title="Keep the old title (Esc)" onClick={() => done("")}>
        <X size={14} aria-hidden />
      </button>
    </form>
  );
}
