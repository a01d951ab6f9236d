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
  // The width from which unfold's styles put the navigation beside the page; its script has another, one pixel more.
  const beside = globalThis.matchMedia("(min-width: 80rem)");
  const isWanted = () => beside.matches && localStorage.getItem("sidebarOpen") !== "0";
  // unfold's own closes the navigation whenever a narrow page changes its height, and also as it opens.
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
  // The build reads all of unfold's expressions but these: a template text, and statements with "if".
  const REWRITTEN = [
    ["x-bind:style", "`width: ${sidebarWidth}px`", "'width: ' + sidebarWidth + 'px'"],
    ["x-on:mousemove.window", "if (resizing) {", "resizing && resizeSidebar($event)"],
  ];
  // Stands for unfold's own where its script was lost on the way: the page is all there, and no dialog opens over it.
  const withoutDialogs = () => ({
    sidebarWidth: 288,
    siteDropdownOpen: false,
    shortcutsOpen: false,
    openCommandResults: false,
    openModal: false,
    modalContentClasses: "",
    filterOpen: false,
    filterModalOpen: false,
    openAllApplications: false,
    adminTheme: "auto",
    themeBindings: {
      ["x-bind:class"]: () => globalThis.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "",
    },
  });
  document.addEventListener("alpine:init", () => {
    const { Alpine, theme = withoutDialogs, getCurrentTab = () => null } = window;
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

  // Until then the styles keep closed what only Alpine closes.
  document.addEventListener("alpine:initialized", () => (document.documentElement.dataset.alpine = "1"));
  document.addEventListener("DOMContentLoaded", () => {
    if (window.Alpine) return;
    // Alpine itself was lost: the page is shown as without scripts.
    document.documentElement.removeAttribute("x-cloak");
    for (const { textContent } of document.head.querySelectorAll("noscript")) {
      if (textContent.includes("stylesheet")) document.head.insertAdjacentHTML("beforeend", textContent);
    }
  });

  // The policy refuses a style attribute that a script writes as text, and allows the same declarations as properties.
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (String(name).toLowerCase() === "style" && this.style) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
})();
