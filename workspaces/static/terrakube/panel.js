// Small helps on every page: exact times on hover in the viewer's zone, copying, a question before what can't be undone.
(() => {
  "use strict";
  // The language of the page, as the reader's browser writes it where it speaks it too: en-GB for en.
  const page = document.documentElement.lang || "en";
  const language = navigator.languages.find((one) => one.split("-")[0] === page.split("-")[0]) || page;
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });

  // Times of day are the viewer's; the server wrote them in its own zone.
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  window.terrakubeTimes = (root) => {
    for (const time of root.querySelectorAll("time[data-clock]")) time.textContent = clock.format(new Date(time.dateTime));
  };
  document.addEventListener("DOMContentLoaded", () => window.terrakubeTimes(document));

  // The page is hidden until its scripts have begun, and what is hidden is refused the focus that it asks for.
  document.addEventListener("alpine:initialized", () => setTimeout(() => {
    if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
  }));

  // What goes on grows older by itself, in the same words as the server's.
  const two = (number) => String(number).padStart(2, "0");
  function span(seconds) {
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
    return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
  }
  setInterval(() => {
    if (document.hidden) return;
    for (const one of document.querySelectorAll("[data-since]")) {
      const seconds = Math.floor((Date.now() - new Date(one.dataset.since)) / 1000);
      if (seconds >= 0) one.textContent = span(seconds);
    }
  }, 1000);

  // The boxes that choose another record are drawn by a script that leaves them without a name.
  function nameBoxes() {
    for (const box of document.querySelectorAll(".select2-selection")) {
      const field = box.closest(".select2")?.previousElementSibling;
      const label = field && document.querySelector(`label[for="${field.id}"]`);
      const name = label ? label.textContent.trim() : field?.getAttribute("aria-label");
      if (name) for (const part of [box, ...box.querySelectorAll("[role=textbox], [role=searchbox]")]) part.setAttribute("aria-label", name);
    }
  }
  document.addEventListener("DOMContentLoaded", () => {
    if (!document.querySelector(".admin-autocomplete, .unfold-admin-autocomplete, .select2-selection, select[multiple]")) return;
    new MutationObserver(nameBoxes).observe(document.body, { childList: true, subtree: true });
    nameBoxes();
  });

  // unfold's script shows the name of a chosen file in a field that it expects around its own; ours is as browsers make it.
  document.addEventListener("DOMContentLoaded", () => {
    for (const input of document.querySelectorAll("input[type=file].tk-input")) input.hasChangeListener = true;
  });

  // On a narrow screen each row of a list is a card; there every value stands below the name of its column.
  document.addEventListener("DOMContentLoaded", () => {
    const list = document.getElementById("result_list");
    const names = [...(list?.tHead.rows[0].cells ?? [])].map((cell) => cell.querySelector(".text")?.textContent.trim() ?? "");
    for (const row of list?.querySelectorAll(".data-row") ?? []) {
      [...row.cells].forEach((cell, at) => {
        const text = cell.textContent.trim();
        if (cell.tagName === "TD" && names[at]) cell.dataset.label = names[at];
        if (/^[-–]?$/.test(text) && !cell.querySelector("input, [data-cell]")) cell.classList.add("tk-none");
        if (text.length > 22) cell.classList.add("tk-wide");
      });
    }
  });

  document.addEventListener("mouseover", (event) => {
    const time = event.target instanceof Element ? event.target.closest("time[datetime]") : null;
    if (time && !time.dataset.exact) {
      time.title = exact.format(new Date(time.dateTime));
      time.dataset.exact = "1";
    }
  });

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
        // Without a secure address there is no clipboard; the text is marked, for the keyboard to copy.
        const range = document.createRange();
        range.selectNodeContents(source);
        const selection = window.getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        button.textContent = texts.textMarked;
      }
      setTimeout(() => { button.textContent = before; }, 1500);
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
