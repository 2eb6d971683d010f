// The map of a conversation's branches: one line for each stretch without a fork, rails that show what follows what.
// Arrow keys travel the lines, Enter opens one.
const ROW_PX = 52;
const STEP_PX = 18;
const LEFT_PX = 14;
// Deeper forks are drawn as deep as this, so that their words keep room on a phone.
const DEEPEST = 8;

const across = (row) => LEFT_PX + Math.min(row.depth, DEEPEST) * STEP_PX;
const down = (index) => index * ROW_PX + ROW_PX / 2;

function rail(rows, index) {
  const row = rows[index];
  if (row.parent < 0) return null;
  const from = across(rows[row.parent]);
  const to = across(row);
  const bend = Math.min(8, Math.max(to - from, 0));
  const y = down(index);
  return `M${from} ${down(row.parent)}V${y - bend}Q${from} ${y} ${from + bend} ${y}H${to}`;
}

function travelKeys(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length]?.focus();
}

export function TreeMap({ rows, onTravel }) {
  const width = LEFT_PX * 2 + Math.min(Math.max(0, ...rows.map((row) => row.depth)), DEEPEST) * STEP_PX;
  const lastShown = rows.reduce((found, row, index) => (row.shown ? index : found), -1);
  return (
    <div className="tree-map" onKeyDown={travelKeys}>
      <svg width={width} height={rows.length * ROW_PX} aria-hidden>
        {rows.map((row, index) => {
          const path = rail(rows, index);
          return path ? <path key={index} d={path} className={row.shown ? "rail shown" : "rail"} /> : null;
        })}
        {rows.map((row, index) => (
          <circle key={index} cx={across(row)} cy={down(index)} r={5} className={row.shown ? "knot shown" : "knot"} />
        ))}
      </svg>
      <ol>
        {rows.map((row, index) => (
          <li key={index} style={{ height: ROW_PX }}>
            <button
              type="button"
              data-testid="map-stretch"
              aria-current={index === lastShown ? "true" : undefined}
              style={{ paddingLeft: across(row) + LEFT_PX }}
              onClick={() => onTravel?.(index)}
            >
              <span className="ellipsis">{row.words}</span>
              <span className="quiet ellipsis">{row.about + (row.shown ? " · shown" : "")}</span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}
