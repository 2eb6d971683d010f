// The bars of the activity: one stop for the Tab key, arrows between the bars, Enter chooses. What a bar says stands in
// a line above it, so that nothing floats over the page and touch and keyboard read the same words as a mouse.
import { useRef, useState } from "react";
import { Link } from "react-router";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

/** Which bar the Tab key reaches: the chosen one, else the last with anything in it. */
function firstStop(bars) {
  const chosen = bars.findIndex((bar) => bar.current);
  if (chosen >= 0) return chosen;
  const used = bars.findLastIndex((bar) => bar.credit_height || bar.own_height);
  return used >= 0 ? used : bars.length - 1;
}

export function Bars({ bars, label, top, half, resting }) {
  const list = useRef(null);
  const [pointed, setPointed] = useState(null);
  const [stop, setStop] = useState(null);
  const reached = stop !== null && stop < bars.length ? stop : firstStop(bars);
  const said = bars.find((bar) => bar.key === pointed) ?? bars.find((bar) => bar.current);
  const anyChosen = bars.some((bar) => bar.current);
  const move = (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(bars.length - 1, Math.max(0, reached + step));
    setStop(next);
    list.current.querySelectorAll("a")[next]?.focus();
  };
  const marks = [0, Math.floor((bars.length - 1) / 2), bars.length - 1];
  const withOwn = bars.some((bar) => bar.own_height);
  return (
    <div className="bars" data-testid="activity-bars">
      <p className="bars-said quiet" aria-hidden>
        {said ? said.words : resting}
      </p>
      <div className="bars-plot">
        <div className="bars-axis num" aria-hidden>
          <span>{top}</span>
          <span>{half}</span>
          <span>$0.00</span>
        </div>
        <ol ref={list} aria-label={label} onKeyDown={move} onPointerLeave={() => setPointed(null)}>
          {bars.map((bar, place) => (
            <li key={bar.key} data-dim={anyChosen && !bar.current ? "" : undefined}>
              <Link
                to={bar.href}
                tabIndex={place === reached ? 0 : -1}
                aria-label={bar.words}
                aria-current={bar.current ? "true" : undefined}
                data-testid="activity-bar"
                data-day={bar.key}
                preventScrollReset
                onPointerEnter={() => setPointed(bar.key)}
                onFocus={() => {
                  setPointed(bar.key);
                  setStop(place);
                }}
                onBlur={() => setPointed(null)}
              >
                <i className="bar credit" style={{ height: `${bar.credit_height / 10}%` }} />
                {withOwn ? <i className="bar own" style={{ height: `${bar.own_height / 10}%` }} /> : null}
              </Link>
            </li>
          ))}
        </ol>
        <div className="bars-days quiet" aria-hidden>
          {[...new Set(marks)].map((place) => (
            <span key={place}>{bars[place]?.day}</span>
          ))}
        </div>
      </div>
    </div>
  );
}
