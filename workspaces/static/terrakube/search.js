// The search of each page: "/" or Ctrl+K opens it, results come while typing. Without it the link leads to the page.
(() => {
  "use strict";
  const PAUSE = 150;
  let asked = null;
  let timer = 0;

  const dialog = () => document.getElementById("panel-search");
  const field = () => dialog()?.querySelector("input");
  const links = () => [...dialog().querySelectorAll("a")];

  async function ask() {
    const body = dialog().querySelector(".tk-dialog-body");
    const text = field().value.trim();
    asked?.abort();
    if (!text) {
      body.replaceChildren();
      return;
    }
    asked = new AbortController();
    const address = new URL(dialog().querySelector("form").action);
    address.search = new URLSearchParams({ q: text, part: "1" });
    try {
      const response = await fetch(address, { signal: asked.signal });
      // A session that ended leads to the sign-in, which is no part of a page.
      if (response.redirected) location.reload();
      else if (response.ok) body.innerHTML = await response.text();
    } catch { /* another text was typed, or the next one may reach the site again */ }
  }

  function open() {
    if (!dialog().open) dialog().showModal();
    field().select();
  }

  function isTyping(target) {
    return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
  }

  // Before unfold's own keys, which would put the focus on a list's field.
  globalThis.addEventListener("keydown", (event) => {
    const isKey = event.key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey;
    const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
    // A page that still comes in may not have the whole of it.
    if (!field() || !(isKey || isSlash)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    open();
  }, true);

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("[data-search]") && field() && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      open();
    } else if (target && target === dialog()) dialog().close();
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (!field()) return;
    field().addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    });
    dialog().addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const stops = [field(), ...links()];
      const at = stops.indexOf(document.activeElement);
      stops[Math.min(Math.max(at + step, 0), stops.length - 1)].focus();
    });
  });
})();
