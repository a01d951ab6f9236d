// Light or dark: unfold asks once, when a page is opened. This follows the system later too, and prints in light.
(() => {
  "use strict";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const paper = matchMedia("print");
  const root = document.documentElement;
  let printing = false;

  function chosen() {
    try {
      return JSON.parse(localStorage.getItem("_x_adminTheme")) || "auto";
    } catch {
      return "auto";
    }
  }
  // The system may change between light and dark while the page is printed.
  function apply() {
    const scheme = chosen();
    const isDark = scheme === "dark" || (scheme === "auto" && system.matches);
    root.classList.toggle("dark", isDark && !printing && !paper.matches);
  }
  system.addEventListener("change", apply);
  paper.addEventListener("change", apply);
  addEventListener("beforeprint", () => {
    printing = true;
    apply();
  });
  addEventListener("afterprint", () => {
    printing = false;
    apply();
  });
})();
