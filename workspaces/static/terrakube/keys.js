// Keyboard shortcuts: "?" lists them, "g" and a letter go to a page of that list.
(() => {
  "use strict";
  const PAUSE = 1500;
  let goes = 0;

  function isTyping(target) {
    return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
  }

  // Before unfold's own keys, which know another list.
  globalThis.addEventListener("keydown", (event) => {
    const list = document.getElementById("panel-keys");
    if (!list || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const wasGoing = event.timeStamp - goes < PAUSE;
    goes = 0;
    if (event.key === "?") {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (list.open) list.close();
      else if (!document.querySelector("dialog[open]")) list.showModal();
      return;
    }
    const link = wasGoing ? list.querySelector(`[data-go="${CSS.escape(event.key)}"]`) : null;
    if (link) {
      event.preventDefault();
      event.stopImmediatePropagation();
      link.click();
    } else if (event.key === "g") goes = event.timeStamp;
  }, true);

  document.addEventListener("click", (event) => {
    const list = document.getElementById("panel-keys");
    const target = event.target instanceof Element ? event.target : null;
    if (list && target === list) list.close();
    if (list && target?.closest("[data-keys]")) list.showModal();
  });
})();
