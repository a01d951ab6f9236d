// On a narrow screen each row of a list is a card; there each value stands below the name of its column.
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
})();
