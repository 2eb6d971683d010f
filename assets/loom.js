// What is local answers at once, without the server: the two side panels, menus that close, starters that fill the
// composer, tabs that follow when another one signs in or out. Loaded before the first paint so that a remembered panel
// does not jump in.
(() => {
  const root = document.documentElement;
  const wide = window.matchMedia("(min-width: 1080px)");
  const remembered = () => localStorage.getItem("loom:usage-panel") === "open";

  const setPart = (part, open) => {
    if (open) root.setAttribute(`data-${part}`, "open");
    else root.removeAttribute(`data-${part}`);
    document.querySelectorAll(`[data-toggle="${part}"]`).forEach((button) => {
      button.setAttribute("aria-expanded", String(open));
    });
    if (part === "usage" && wide.matches) localStorage.setItem("loom:usage-panel", open ? "open" : "closed");
    if (open && !wide.matches) document.querySelector(`[data-part="${part}"] button, [data-part="${part}"] a`)?.focus();
  };
  const isOpen = (part) => root.hasAttribute(`data-${part}`);
  const closeSheets = () => {
    const open = ["sidebar", "usage"].filter((part) => isOpen(part) && !wide.matches);
    open.forEach((part) => {
      setPart(part, false);
      document.querySelector(`[data-toggle="${part}"]`)?.focus();
    });
    return open.length > 0;
  };
  const closeMenus = (except) => {
    const open = [...document.querySelectorAll("details.menu[open]")].filter((menu) => !menu.contains(except));
    open.forEach((menu) => menu.removeAttribute("open"));
    return open;
  };

  if (wide.matches && remembered()) root.setAttribute("data-usage", "open");

  // Only other tabs hear this. Their key to what the server remembers of them goes, so that nothing of the person before
  // is drawn again.
  window.addEventListener("storage", ({ key }) => {
    if (key !== "loom:person-changed") return;
    sessionStorage.removeItem("token");
    window.location.assign("/");
  });

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    closeMenus(target);
    const toggle = target.closest("[data-toggle]");
    if (toggle) setPart(toggle.dataset.toggle, !isOpen(toggle.dataset.toggle));
    const fill = target.closest("[data-fill]");
    if (fill) window.dispatchEvent(new CustomEvent("loom:fill", { detail: fill.dataset.fill }));
    const choice = target.closest("details.menu .menu-list button");
    if (choice) {
      const menu = choice.closest("details.menu");
      menu.removeAttribute("open");
      if (!choice.hasAttribute("data-moves-focus")) menu.querySelector("summary")?.focus();
    }
    if (target.closest("[data-closes-sheet]")) closeSheets();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const [menu] = closeMenus(null);
      if (menu) {
        menu.querySelector("summary")?.focus();
        event.stopPropagation();
      } else if (closeSheets()) {
        event.stopPropagation();
      }
      return;
    }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const menu = document.activeElement?.closest("details.menu[open]");
    if (!menu) return;
    const items = [...menu.querySelectorAll(".menu-list button, .menu-list summary")].filter((item) => item.offsetParent !== null);
    const here = items.indexOf(document.activeElement);
    const step = event.key === "ArrowDown" ? 1 : -1;
    items[(here + step + items.length) % items.length]?.focus();
    event.preventDefault();
  }, true);
})();
