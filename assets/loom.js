// What is local answers at once, without the server: the two side panels, menus that close, starters that fill the
// composer, tabs that follow when another one signs in or out. Loaded before the first paint so that a remembered panel
// does not jump in, nor a theme flash.
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

  // The theme: the system's, or the one that was chosen in this browser. Style sheets know it by `data-theme` alone.
  const THEME = "loom:theme";
  const CANVAS = { dark: "#111113", light: "#FAFAFA" };
  const theme = () => localStorage.getItem(THEME) ?? "system";
  const showTheme = () => {
    const chosen = theme();
    if (chosen === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", chosen);
    document.querySelectorAll('meta[name="theme-color"]').forEach((meta) => {
      meta.content = CANVAS[chosen] ?? CANVAS[meta.media.includes("dark") ? "dark" : "light"];
    });
    window.dispatchEvent(new CustomEvent("loom:theme-shown"));
  };
  const chooseTheme = (chosen) => {
    if (chosen in CANVAS) localStorage.setItem(THEME, chosen);
    else localStorage.removeItem(THEME);
    showTheme();
  };
  window.loomTheme = { get: theme, set: chooseTheme };
  showTheme();

  // The place that is left for a payment page, in this tab: its address, and the caret in what was being written.
  const PLACE = "loom:place";
  const keptPlace = () => JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  window.loomPlace = {
    keep() {
      const { pathname } = window.location;
      // Coming back to a return from a payment would never end.
      const search = /[?&]purchase=/.test(window.location.search) ? "" : window.location.search;
      const field = document.querySelector("textarea#composer, textarea#task");
      const caret = field ? [field.selectionStart, field.selectionEnd] : null;
      sessionStorage.setItem(PLACE, JSON.stringify({ pathname, search, caret }));
    },
    address() {
      const kept = keptPlace();
      return kept ? kept.pathname + kept.search : "";
    },
    // Given in the place itself, when what was being written there stands in the field again, and until the person does
    // something in it: the page may be drawn more than once on the way back.
    restore(field, here) {
      const kept = keptPlace();
      if (!kept?.caret || kept.pathname !== here || window.location.pathname !== here || !field.value) return;
      field.setSelectionRange(...kept.caret);
      const forget = () => sessionStorage.setItem(PLACE, JSON.stringify({ ...keptPlace(), caret: null }));
      for (const sign of ["keydown", "pointerdown"]) field.addEventListener(sign, forget, { once: true });
    },
  };

  // The page that was asked for by who has to sign in first, in this tab. It is kept here and not in the address, so that
  // no link of somebody else's decides where a sign-in leads; it is looked at all the same.
  const NEXT = "loom:next";
  const isOwn = (address) => /^\/(?![/\\])[^\\\s]*$/.test(address) && !/^\/sign-(in|up)(?![^/?#])/.test(address);
  window.loomNext = {
    keep() {
      const { pathname, search, hash } = window.location;
      if (isOwn(pathname + search + hash)) sessionStorage.setItem(NEXT, pathname + search + hash);
    },
    // Given once.
    take() {
      const kept = sessionStorage.getItem(NEXT) ?? "";
      sessionStorage.removeItem(NEXT);
      return isOwn(kept) ? kept : "/";
    },
  };

  if (wide.matches && remembered()) root.setAttribute("data-usage", "open");

  // Only other tabs hear this. Their key to what the server remembers of them goes, so that nothing of the person before
  // is drawn again.
  window.addEventListener("storage", ({ key }) => {
    if (key === THEME) showTheme();
    if (key !== "loom:person-changed") return;
    sessionStorage.removeItem("token");
    sessionStorage.removeItem("loom:sent");
    window.location.assign(window.loomNext.take());
  });

  // What is drawn before the page's scripts have run is pressed by quick people, and on a slow machine by all: nothing hears
  // it yet, and a form would be sent as an address with all that was typed. Both wait until the page says that it is alive.
  let repeating = false;
  const isAlive = () => root.hasAttribute("data-alive");
  const onceAlive = (element, act) => {
    const repeat = () => {
      if (!element.isConnected) return;
      repeating = true;
      act();
      repeating = false;
    };
    window.addEventListener("loom:alive", repeat, { once: true });
  };
  document.addEventListener("click", (event) => {
    const button = isAlive() || !(event.target instanceof Element) ? null : event.target.closest("button");
    // A button that sends its form is heard as that.
    if (button && button.type !== "submit") onceAlive(button, () => button.click());
  }, true);
  document.addEventListener("submit", (event) => {
    if (isAlive()) return;
    const { target: form, submitter } = event;
    event.preventDefault();
    event.stopPropagation();
    onceAlive(form, () => form.requestSubmit(submitter));
  }, true);

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    // What is local was answered when it was pressed.
    if (!target || repeating) return;
    closeMenus(target);
    const toggle = target.closest("[data-toggle]");
    if (toggle) setPart(toggle.dataset.toggle, !isOpen(toggle.dataset.toggle));
    const fill = target.closest("[data-fill]");
    if (fill) window.dispatchEvent(new CustomEvent("loom:fill", { detail: fill.dataset.fill }));
    const choice = target.closest("details.menu .menu-list button:not([data-stays])");
    if (choice) {
      const menu = choice.closest("details.menu");
      menu.removeAttribute("open");
      if (!choice.hasAttribute("data-moves-focus")) menu.querySelector("summary")?.focus();
    }
    if (target.closest("[data-closes-sheet]")) closeSheets();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      // A field that Esc clears or leaves does that first.
      if (document.activeElement?.hasAttribute("data-takes-esc")) return;
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
    const items = [...menu.querySelectorAll(".menu-list button:not([data-stays]), .menu-list summary")].filter((item) => item.offsetParent !== null);
    const step = event.key === "ArrowDown" ? 1 : -1;
    // From outside of the items, such as a search field above them, up leads to the last.
    const here = Math.max(items.indexOf(document.activeElement), step === 1 ? -1 : 0);
    items[(here + step + items.length) % items.length]?.focus();
    event.preventDefault();
  }, true);
})();
