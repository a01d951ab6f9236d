// What Alpine's build without eval needs for unfold's pages.
(() => {
  "use strict";
  // Expressions see no globals, so the functions that they call become data.
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
  // As unfold's styles; its script has one pixel more.
  const beside = globalThis.matchMedia("(min-width: 80rem)");
  const isWanted = () => beside.matches && localStorage.getItem("sidebarOpen") !== "0";
  // unfold's own closes it whenever a narrow page changes its height.
  function navigation(bindings) {
    return {
      isBeside: beside.matches,
      sidebarOpen: isWanted(),
      sidebarToggle() {
        this.sidebarOpen = !this.sidebarOpen;
        if (beside.matches) localStorage.setItem("sidebarOpen", this.sidebarOpen ? "1" : "0");
        else if (this.sidebarOpen) this.$nextTick(() => document.querySelector("#nav-sidebar a")?.focus());
      },
      closeNavigation() {
        if (!beside.matches) this.sidebarOpen = false;
      },
      themeBindings: {
        ...bindings,
        ["x-bind:data-alpine"]: () => "1",
        ["x-resize.window"]() {
          if (this.isBeside === beside.matches) return;
          this.isBeside = beside.matches;
          this.sidebarOpen = isWanted();
        },
        ["x-on:keydown.escape.window"]() {
          if (!this.sidebarOpen || beside.matches || document.querySelector("dialog[open]")) return;
          this.closeNavigation();
          document.querySelector("[aria-controls=nav-sidebar]")?.focus();
        },
        ["x-on:click.window"](event) {
          const target = event.target instanceof Element ? event.target : null;
          if (!target?.closest("#nav-sidebar, [aria-controls=nav-sidebar]")) this.closeNavigation();
        },
      },
    };
  }
  // The build cannot read these of unfold's expressions.
  const REWRITTEN = [
    ["x-bind:style", "`width: ${sidebarWidth}px`", "'width: ' + sidebarWidth + 'px'"],
    ["x-on:mousemove.window", "if (resizing) {", "resizing && resizeSidebar($event)"],
  ];
  document.addEventListener("alpine:init", () => {
    const { Alpine, theme, getCurrentTab } = window;
    // Lost on the way: the styles keep closed what Alpine would.
    if (!theme) return;
    Alpine.data("theme", (...given) => {
      const own = theme(...given);
      return { ...own, ...navigation(own.themeBindings), getCurrentTab, resizeSidebar, window: page };
    });
    for (const [attribute, start, expression] of REWRITTEN) {
      for (const one of document.querySelectorAll(`[${CSS.escape(attribute)}^=${JSON.stringify(start)}]`)) {
        one.setAttribute(attribute, expression);
      }
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (!window.Alpine) document.documentElement.removeAttribute("x-cloak");
  });

  // The policy refuses a style attribute as text, and allows it as properties.
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (String(name).toLowerCase() === "style" && this.style) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
})();
