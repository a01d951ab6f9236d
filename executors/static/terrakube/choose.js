// Lists to choose from: filtered as a reader types (data-filter), all ticked by one box (data-all).
(() => {
  "use strict";
  const rows = (id) => [...document.getElementById(id)?.children ?? []];
  const box = (row) => row.querySelector("input[type=checkbox]");

  for (const form of document.querySelectorAll("[data-filter]")) {
    const field = form.querySelector("[type=search]");
    field.addEventListener("input", () => {
      const part = field.value.trim().toLowerCase();
      for (const row of rows(form.dataset.filter)) row.hidden = !row.dataset.text.toLowerCase().includes(part);
      count();
    });
    // What was typed and ticked below stays, as the page is not asked for again.
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  for (const all of document.querySelectorAll("[data-all]")) {
    all.closest("label").hidden = false;
    all.addEventListener("change", () => {
      for (const row of rows(all.dataset.all)) if (!row.hidden) box(row).checked = all.checked;
      count();
    });
  }

  function count() {
    for (const all of document.querySelectorAll("[data-all]")) {
      const shown = rows(all.dataset.all).filter((row) => !row.hidden);
      all.checked = shown.length > 0 && shown.every((row) => box(row).checked);
    }
    for (const place of document.querySelectorAll("[data-count]")) {
      const number = rows(place.dataset.count).filter((row) => box(row).checked).length;
      const texts = place.dataset;
      place.textContent = `${number} ${texts.textSelected}`;
    }
  }
  document.addEventListener("change", count);
  count();
})();
