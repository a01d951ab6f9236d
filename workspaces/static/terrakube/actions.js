// Buttons and menus: copying (data-copy), a question before a final act (data-confirm), menus that close.
(() => {
  "use strict";
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (button) {
      const source = document.getElementById(button.dataset.copy);
      const before = button.textContent;
      const texts = document.querySelector("meta[name=panel-texts]").dataset;
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = texts.textCopied;
      } catch {
        // Without HTTPS there is no clipboard; the text is selected, to be copied with the keyboard.
        const range = document.createRange();
        range.selectNodeContents(source);
        const selection = window.getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        button.textContent = texts.textMarked;
      }
      setTimeout(() => {
        button.textContent = before;
      }, 1500);
    }
    // A menu closes when something else is clicked.
    for (const menu of document.querySelectorAll("details.tk-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.tk-menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
