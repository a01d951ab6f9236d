// Light or dark: unfold asks once, when a page is opened. This follows the system later too, and prints in light.
(() => {
  "use strict";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  let before = false;

  function chosen() {
    try {
      return JSON.parse(localStorage.getItem("_x_adminTheme")) || "auto";
    } catch {
      return "auto";
    }
  }
  system.addEventListener("change", () => {
    if (chosen() === "auto") root.classList.toggle("dark", system.matches);
  });
  addEventListener("beforeprint", () => {
    before = root.classList.contains("dark");
    root.classList.remove("dark");
  });
  addEventListener("afterprint", () => root.classList.toggle("dark", before));
})();
