// The list of models: a person's favourites, a few by intent, the rest behind "More models"; with words in the search field
// all that fit. It is drawn and searched in the browser; what is chosen and liked is asked of the page.
import { useEffect, useRef, useState } from "react";
import Check from "lucide-react/dist/esm/icons/check.mjs";
import ChevronDown from "lucide-react/dist/esm/icons/chevron-down.mjs";
import Star from "lucide-react/dist/esm/icons/star.mjs";

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

const fits = (row, words) => {
  const said = plain(`${row.label} ${row.intent} ${row.good_at} ${row.id} ${row.maker}`);
  return words.every((word) => said.includes(word));
};

function Choice({ row, chosen, onPick, onLike }) {
  return (
    <div className="choice" role="group" aria-label={row.label}>
      <button
        type="button"
        className="choice-pick"
        data-testid="model-choice"
        data-model={row.id}
        aria-pressed={chosen}
        onClick={() => onPick?.(row.id)}
      >
        <span className="choice-words">
          {row.intent && <span className="intent">{row.intent}</span>}
          <span className="model-head">
            <span className="model-name">{row.label}</span>
            <span className="quiet">{row.reads}</span>
          </span>
          <span className="quiet">{row.good_at}</span>
          <span className="quiet price" title={row.exact}>A page costs {row.price}</span>
          {row.missing && <span className="quiet missing">{row.missing}</span>}
        </span>
        {chosen && <Check size={16} aria-hidden />}
      </button>
      <button
        type="button"
        className="icon-button like"
        data-stays=""
        data-testid="model-like"
        data-likes={row.id}
        aria-pressed={row.favourite}
        aria-label={`${row.label} is a favourite`}
        title={row.favourite ? "Take it from your favourites" : "Put it among your favourites"}
        onClick={() => onLike?.(row.id, !row.favourite)}
      >
        <Star size={15} aria-hidden fill={row.favourite ? "currentColor" : "none"} />
      </button>
    </div>
  );
}

/** The search begins anew whenever the menu around it was closed; with a keyboard it has the focus at once. */
function useFresh(field, setTyped) {
  useEffect(() => {
    const menu = field.current.closest("details");
    const onToggle = () => {
      if (!menu.open) setTyped("");
      else if (window.matchMedia("(pointer: fine)").matches) field.current?.focus({ preventScroll: true });
    };
    menu.addEventListener("toggle", onToggle);
    return () => menu.removeEventListener("toggle", onToggle);
  }, [field, setTyped]);
}

export function ModelList({ first, more, model, onPick, onLike }) {
  const [typed, setTyped] = useState("");
  const field = useRef(null);
  useFresh(field, setTyped);
  const words = plain(typed).split(/\s+/).filter(Boolean);
  const all = [...first, ...more];
  const draw = (rows) =>
    rows.map((row) => <Choice key={row.id} row={row} chosen={row.id === model} onPick={onPick} onLike={onLike} />);
  const found = all.filter((row) => fits(row, words));
  const liked = all.filter((row) => row.favourite);
  const rest = (rows) => rows.filter((row) => !row.favourite);
  const pickFirst = (event) => {
    if (event.key === "Escape" && typed) {
      setTyped("");
      event.stopPropagation();
    }
    if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
    event.preventDefault();
    // As a click would, so that the menu closes the same way.
    if (words.length) field.current.closest(".menu-list").querySelector("[data-model]")?.click();
  };
  return (
    <>
      <input
        ref={field}
        type="search"
        className="input small picker-search"
        data-testid="model-search"
        data-takes-esc={typed ? "" : undefined}
        placeholder="Find a model"
        aria-label="Find a model"
        autoComplete="off"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={pickFirst}
      />
      {words.length > 0 ? (
        <>
          <p className="sr-only" role="status">
            {found.length === 1 ? "1 model fits." : `${found.length} models fit.`}
          </p>
          {draw(found)}
          {found.length === 0 && <p className="quiet nothing">No model has these words.</p>}
        </>
      ) : (
        <>
          {liked.length > 0 && <h3 className="picker-part">Your favourites</h3>}
          {draw(liked)}
          {liked.length > 0 && <h3 className="picker-part">By what you want to do</h3>}
          {draw(rest(first))}
          {rest(more).length > 0 && (
            <details>
              <summary className="more-models" data-testid="more-models">
                More models
                <ChevronDown size={14} aria-hidden />
              </summary>
              {draw(rest(more))}
            </details>
          )}
        </>
      )}
    </>
  );
}
