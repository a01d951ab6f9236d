// Lists and tables: on a narrow screen each row of a list is a card, where each value stands below the name of its
// column; a table that may be wider than the page is moved by the keyboard.
(() => {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    const list = document.getElementById("result_list");
    const names = [...(list?.tHead.rows[0].cells ?? [])].map((cell) =>
      cell.querySelector(".text")?.textContent.trim() ?? ""
    );
    for (const row of list?.querySelectorAll(".data-row") ?? []) {
      [...row.cells].forEach((cell, at) => {
        const text = cell.textContent.trim();
        if (cell.tagName === "TD" && names[at]) cell.dataset.label = names[at];
        if (/^[-–]?$/.test(text) && !cell.querySelector("input, [data-cell]")) cell.classList.add("tk-none");
        if (text.length > 22) cell.classList.add("tk-wide");
      });
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const one of document.querySelectorAll(".tk-scroll")) {
      if (!one.querySelector("a, button, input, select, textarea, summary")) one.tabIndex = 0;
    }
  });
})();
