// What the agent says and does, step by step. While it works this follows the run's own event stream, which begins with
// all that has happened; afterwards it draws what the server kept. Both look the same, so nothing jumps at the end.
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import BookOpen from "lucide-react/dist/esm/icons/book-open.mjs";
import CircleAlert from "lucide-react/dist/esm/icons/circle-alert.mjs";
import FileText from "lucide-react/dist/esm/icons/file-text.mjs";
import GitBranch from "lucide-react/dist/esm/icons/git-branch.mjs";
import ListIcon from "lucide-react/dist/esm/icons/list.mjs";
import Pencil from "lucide-react/dist/esm/icons/pencil.mjs";
import Search from "lucide-react/dist/esm/icons/search.mjs";
import { backendUrl } from "./backend.js";
import { Blocks } from "./markdown.jsx";
import { forgetTask } from "./task.jsx";

const ICONS = {
  list_conversations: ListIcon,
  search_conversations: Search,
  read_conversation: BookOpen,
  summarize_conversation: FileText,
  propose_rename: Pencil,
  propose_branch: GitBranch,
};
const FINDS_SHOWN = 6;
const RETRY_MS = 3000;

/** The steps with one more part of the stream taken in. */
function withPart(steps, part) {
  const next = [...steps];
  const at = next.findLastIndex((step) => step.kind === "agent");
  const change = (index, changed) => {
    next[index] = { ...next[index], ...changed };
    return next;
  };
  if (part.type === "start-step") return [...next, { kind: "agent", text: "", cost: "", uses: [] }];
  if (part.type === "text-delta") {
    if (at < 0) return [...next, { kind: "agent", text: part.delta, cost: "", uses: [] }];
    return change(at, { text: next[at].text + part.delta });
  }
  if (part.type === "data-use" && at >= 0) {
    const use = { ...part.data, id: part.id };
    use.finds = use.finds.map((find) => ({ title: find.title, href: `/c/${find.conversationId}` }));
    const known = next[at].uses.some((one) => one.id === use.id);
    return change(at, { uses: known ? next[at].uses.map((one) => (one.id === use.id ? use : one)) : [...next[at].uses, use] });
  }
  if (part.type === "message-metadata") {
    const [told] = Object.values(part.messageMetadata);
    const cost = { cost: told.cost, turn_id: told.receipt.turnId };
    if (told.kind === "agent" && at >= 0) return change(at, cost);
    return [...next, { kind: told.kind, text: "", uses: [], ...cost }];
  }
  return steps;
}

function watchRun(runId, { onSteps, onTrouble, onNews, onEnd }) {
  const source = new EventSource(backendUrl(`/api/agent/${encodeURIComponent(runId)}/stream`), { withCredentials: true });
  let steps = [];
  let drawn = 0;
  const draw = () => {
    drawn ||= requestAnimationFrame(() => {
      drawn = 0;
      onSteps(steps);
    });
  };
  const end = (again) => {
    source.close();
    onEnd(again);
  };
  source.onopen = () => {
    steps = [];
    onTrouble("");
  };
  source.onmessage = ({ data }) => {
    if (data === "[DONE]") return end(false);
    const part = JSON.parse(data);
    steps = withPart(steps, part);
    draw();
    if (part.type === "data-proposal") onNews();
    if (part.type === "finish") end(false);
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) end(true);
    else onTrouble("Connection lost. Reconnecting; the agent goes on without you.");
  };
  return () => {
    cancelAnimationFrame(drawn);
    source.close();
  };
}

function useLiveSteps(runId, live, handlers) {
  const [steps, setSteps] = useState([]);
  const [trouble, setTrouble] = useState("");
  const [attempt, setAttempt] = useState(0);
  const told = useRef(handlers);
  told.current = handlers;
  useEffect(() => {
    if (!live || !runId) return undefined;
    forgetTask();
    let timer;
    const stop = watchRun(runId, {
      onSteps: setSteps,
      onTrouble: setTrouble,
      onNews: () => told.current.onNews?.(runId),
      onEnd: (again) => {
        told.current.onSettled?.(runId);
        if (again) timer = setTimeout(() => setAttempt((count) => count + 1), RETRY_MS);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [runId, live, attempt]);
  return { steps, trouble };
}

function Use({ use }) {
  const Icon = use.failed ? CircleAlert : (ICONS[use.tool] ?? CircleAlert);
  const more = use.finds.length - FINDS_SHOWN;
  // What names the one conversation that it is about leads there itself.
  const [only] = use.finds.length === 1 && use.words.includes(use.finds[0].title) ? use.finds : [];
  const words = use.ended === false ? "use-words going" : "use-words";
  return (
    <li className={use.failed ? "use failed" : "use"} data-testid="tool-use">
      <Icon size={14} aria-hidden />
      {only ? (
        <Link to={only.href} className={`${words} link`} data-testid="find">
          {use.words}
        </Link>
      ) : (
        <span className={words}>{use.words}</span>
      )}
      {use.finds.length && !only ? (
        <ul className="finds" aria-label="Found">
          {use.finds.slice(0, FINDS_SHOWN).map((find, index) => (
            <li key={index}>
              <Link to={find.href} className="find" data-testid="find">
                {find.title}
              </Link>
            </li>
          ))}
          {more > 0 ? <li className="quiet">{`and ${more} more`}</li> : null}
        </ul>
      ) : null}
    </li>
  );
}

function Step({ step, onReceipt }) {
  return (
    <li className="step" data-testid="step">
      {step.text ? (
        <div className="reply-text" data-testid="step-text">
          <Blocks text={step.text} />
        </div>
      ) : null}
      {step.kind === "summarize" ? <p className="quiet">A summary for the agent</p> : null}
      {step.uses.length ? (
        <ul className="uses">
          {step.uses.map((use, index) => (
            <Use key={use.id ?? index} use={use} />
          ))}
        </ul>
      ) : null}
      {step.cost ? (
        <button
          type="button"
          className="step-cost num"
          title="Show the receipt"
          aria-label={`This step cost ${step.cost}, show the receipt`}
          data-testid="step-cost"
          onClick={() => onReceipt?.(step.turn_id)}
        >
          {step.cost}
        </button>
      ) : null}
    </li>
  );
}

export function Trail({ runId, live, steps, onSettled, onNews, onReceipt }) {
  const stream = useLiveSteps(runId, live, { onSettled, onNews });
  // Until the server has told what it kept, what was seen stays.
  const kept = live || !steps.length ? stream.steps : steps;
  const last = kept.at(-1);
  const waits = live && (!last || Boolean(last.cost) || !last.text);
  return (
    <div data-testid="trail" data-live={live ? "yes" : "no"}>
      <ol className="steps" aria-label="Steps">
        {kept.map((step, index) => (
          <Step key={index} step={step} onReceipt={onReceipt} />
        ))}
      </ol>
      {waits ? (
        <p className="thinking">
          <i />
          <i />
          <i />
          <span className="sr-only">The agent is at work</span>
        </p>
      ) : null}
      {live && stream.trouble ? <p className="stream-trouble">{stream.trouble}</p> : null}
    </div>
  );
}
