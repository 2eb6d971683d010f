// What the page itself sees: paints, shifts and long tasks from its beginning, frames and clicks while it is asked to.
(() => {
  const seen = (window.bench = { largest: 0, shift: 0, longest: 0, frames: [], clicks: [], watching: false });
  const observe = (type, note) => {
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
  };
  observe("largest-contentful-paint", (entry) => (seen.largest = entry.startTime));
  observe("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.shift += entry.value; });
  observe("longtask", (entry) => (seen.longest = Math.max(seen.longest, entry.duration)));

  seen.watchFrames = () => {
    seen.watching = true;
    let last = performance.now();
    const frame = (now) => {
      seen.frames.push(now - last);
      last = now;
      if (seen.watching) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  };

  // Opens a conversation from the list; until two frames after its end is there, when it has been painted.
  seen.open = async (title, end) => {
    const frame = () => new Promise(requestAnimationFrame);
    const link = [...document.querySelectorAll("[data-testid=conversation]")].find((one) => one.textContent.includes(title));
    const began = performance.now();
    link.click();
    const replies = () => [...document.querySelectorAll("[data-testid=reply-text]")];
    while (!replies().at(-1)?.textContent.includes(end)) await frame();
    await frame();
    await frame();
    return performance.now() - began;
  };

  // A click on a model of the picker goes to the server and back, and shows as the button being pressed. It counts from
  // the moment when it was due, so that a page which is busy then does not hide that it was.
  seen.click = (selector, dueInMs) => {
    const due = performance.now() + dueInMs;
    setTimeout(() => {
      const button = document.querySelector(selector);
      const observer = new MutationObserver(() => {
        if (button.getAttribute("aria-pressed") !== "true") return;
        observer.disconnect();
        seen.clicks.push(performance.now() - due);
      });
      observer.observe(button, { attributes: true });
      button.click();
    }, dueInMs);
  };
})();
