// Lists and tables: on a narrow screen each row of a list is a card, where each value stands below the name of its
// column; a table that may be wider than the page is moved by the keyboard.
(() => {
  "use strict";
  function show(cell, name) {
    const text = cell.textContent.trim();
    if (cell.tagName === "TD" && name && cell.dataset.label !== name) cell.dataset.label = name;
    cell.classList.toggle("tk-none", /^[-–]?$/.test(text) && !cell.querySelector("input, [data-cell]"));
    cell.classList.toggle("tk-wide", text.length > 22);
  }

  let names = [];
  let shown = 0;
  function showRows() {
    const list = document.getElementById("result_list");
    const rows = list?.querySelectorAll(".data-row") ?? [];
    if (!rows.length) return;
    if (!names.length) {
      names = [...(list.tHead?.rows[0].cells ?? [])].map((cell) =>
        cell.querySelector(".text")?.textContent.trim() ?? ""
      );
    }
    for (const row of [...rows].slice(shown)) [...row.cells].forEach((cell, at) => show(cell, names[at]));
    // The last row may still lack cells, and its last cell words.
    shown = rows.length - 1;
  }

  // As the rows arrive: a row that a reader saw before it was a card would move all below it.
  const arrival = new MutationObserver(showRows);
  arrival.observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => {
    arrival.disconnect();
    showRows();
    for (const one of document.querySelectorAll(".tk-scroll")) {
      if (!one.querySelector("a, button, input, select, textarea, summary")) one.tabIndex = 0;
    }
  });
})();
