// Which theme: the system's, or one chosen for this browser. What is chosen shows at once, here and in other tabs.
import { useEffect, useState } from "react";

const THEMES = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function ThemeChoice() {
  const [chosen, setChosen] = useState("system");
  useEffect(() => {
    const look = () => setChosen(window.loomTheme.get());
    look();
    window.addEventListener("loom:theme-shown", look);
    return () => window.removeEventListener("loom:theme-shown", look);
  }, []);
  return (
    <fieldset className="segments three" data-testid="theme">
      <legend className="sr-only">Theme</legend>
      {THEMES.map(([value, words]) => (
        <label key={value}>
          <input
            type="radio"
            name="theme"
            value={value}
            checked={chosen === value}
            data-testid={`theme-${value}`}
            onChange={() => window.loomTheme.set(value)}
          />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}
