// What a message that is being written has with it: a thumbnail or a name with its size, and a way to take it out again.
// While files are dragged over the page it says what can be attached, before anything is dropped.
import { useEffect, useRef, useState } from "react";
import FileText from "lucide-react/dist/esm/icons/file-text.mjs";
import Paperclip from "lucide-react/dist/esm/icons/paperclip.mjs";
import X from "lucide-react/dist/esm/icons/x.mjs";
import { backendUrl } from "./backend.js";

function Chip({ file, onRemove }) {
  return (
    <li className={file.picture ? "draft-file picture" : "draft-file"} data-testid="draft-file" data-busy={file.busy ? "yes" : "no"} aria-busy={Boolean(file.busy)}>
      {file.picture ? (
        <img src={file.shown || backendUrl(`/api/attachments/${encodeURIComponent(file.id)}`)} alt={file.name} title={`${file.name}, ${file.size}`} />
      ) : (
        <span className="file-chip">
          <FileText size={18} aria-hidden />
          <span className="file-words">
            <span className="ellipsis">{file.name}</span>
            <span className="quiet">{file.busy ? "Attaching" : file.size}</span>
          </span>
        </span>
      )}
      <button type="button" className="remove-file" aria-label={`Take out ${file.name}`} title="Take out" data-testid="remove-file" onClick={onRemove}>
        <X size={12} aria-hidden />
      </button>
    </li>
  );
}

export function FileChips({ files, onRemove }) {
  if (!files.length) return null;
  return (
    <ul className="draft-files" aria-label="Attached files">
      {files.map((file) => (
        <Chip key={file.key ?? file.id} file={file} onRemove={() => onRemove(file)} />
      ))}
    </ul>
  );
}

export function AttachButton({ words, onFiles }) {
  const field = useRef(null);
  const take = () => {
    const chosen = [...field.current.files];
    // The same file can be chosen once more.
    field.current.value = "";
    if (chosen.length) onFiles(chosen);
  };
  return (
    <>
      <button type="button" className="icon-button" data-testid="attach" data-command="attach" aria-label="Attach files" title={`Attach files. ${words}`} onClick={() => field.current.click()}>
        <Paperclip size={18} aria-hidden />
      </button>
      <input ref={field} type="file" multiple className="sr-only" tabIndex={-1} aria-label="Files to attach" data-testid="attach-field" onChange={take} />
    </>
  );
}

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Files may be dropped anywhere on the page. */
export function DropPlace({ words, onFiles }) {
  const [over, setOver] = useState(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  useEffect(() => {
    let depth = 0;
    const show = (now) => {
      depth = now;
      setOver(now > 0);
    };
    const enter = (event) => hasFiles(event) && show(depth + 1);
    const leave = (event) => hasFiles(event) && show(Math.max(depth - 1, 0));
    const stay = (event) => hasFiles(event) && event.preventDefault();
    const drop = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      show(0);
      take.current([...event.dataTransfer.files]);
    };
    const listeners = { dragenter: enter, dragleave: leave, dragover: stay, drop };
    Object.entries(listeners).forEach(([name, listener]) => window.addEventListener(name, listener));
    return () => Object.entries(listeners).forEach(([name, listener]) => window.removeEventListener(name, listener));
  }, []);
  if (!over) return null;
  return (
    <div className="drop-place" data-testid="drop-place">
      <p>
        <span className="strong">Drop to attach</span>
        <span className="quiet">{words}</span>
      </p>
    </div>
  );
}
