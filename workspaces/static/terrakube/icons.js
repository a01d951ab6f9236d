// Icons are words that a font draws as pictures. A screen reader should not read them out beside a name.
(() => {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
      const control = icon.closest("a") ?? icon.closest("button");
      const label = control?.getAttribute("aria-label") || control?.title;
      const words = control?.textContent.replace(icon.textContent, "").trim();
      if (!control || label || words) icon.setAttribute("aria-hidden", "true");
    }
  });
})();
