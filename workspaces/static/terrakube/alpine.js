// What Alpine's build without eval needs to read the expressions of unfold's pages.
(() => {
  "use strict";
  // Expressions see the data of their page and no globals, so the functions that unfold's expressions call become data.
  const page = {
    get location() {
      return { pathname: location.pathname, search: location.search, hash: location.hash };
    },
  };
  function resizeSidebar(event) {
    const sidebar = document.getElementById("nav-sidebar");
    const isRightToLeft = getComputedStyle(sidebar).direction === "rtl";
    const width = isRightToLeft ? sidebar.getBoundingClientRect().right - event.clientX : event.clientX;
    this.sidebarWidth = Math.min(this.max, Math.max(this.min, width));
    localStorage.setItem("sidebarWidth", this.sidebarWidth);
  }
  // The build reads all of unfold's expressions but these: a template text, and statements with "if".
  const REWRITTEN = [
    ["x-bind:style", "`width: ${sidebarWidth}px`", "'width: ' + sidebarWidth + 'px'"],
    ["x-on:mousemove.window", "if (resizing) {", "resizing && resizeSidebar($event)"],
    [
      "x-on:click",
      "if (!$event.target.closest('a')) {",
      "$event.target.closest('a') || (openUserLinks = !openUserLinks)",
    ],
  ];
  document.addEventListener("alpine:init", () => {
    const { Alpine, theme, searchCommand, getCurrentTab } = window;
    Alpine.data("theme", (...given) => ({ ...theme(...given), getCurrentTab, resizeSidebar, window: page }));
    Alpine.data("searchCommand", searchCommand);
    for (const [attribute, start, expression] of REWRITTEN) {
      for (const one of document.querySelectorAll(`[${CSS.escape(attribute)}^=${JSON.stringify(start)}]`)) {
        one.setAttribute(attribute, expression);
      }
    }
  });

  // The policy refuses a style attribute that a script writes as text, and allows the same declarations as properties.
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (String(name).toLowerCase() === "style" && this.style) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
})();
