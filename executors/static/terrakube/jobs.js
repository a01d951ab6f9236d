// Refresh the status, reason and duration of each job in a list.
(() => {
  "use strict";
  const EVERY = 4000;
  const address = document.currentScript.dataset.rows;
  if (window.terrakubeJobs) return;
  window.terrakubeJobs = true;
  const ended = new Set();

  function cells(id) {
    return document.querySelectorAll(`[data-job="${id}"]`);
  }

  function show(job) {
    for (const cell of cells(job.id)) {
      if (cell.dataset.cell === "status") {
        if (cell.innerHTML !== job.status) cell.innerHTML = job.status;
      } else if (cell.textContent !== job[cell.dataset.cell]) {
        cell.textContent = job[cell.dataset.cell];
      }
    }
    if (job.final) ended.add(String(job.id));
  }

  async function refresh() {
    const ids = new Set([...document.querySelectorAll("[data-job]")].map((cell) => cell.dataset.job));
    const open = [...ids].filter((id) => !ended.has(id));
    if (open.length && !document.hidden) {
      try {
        const response = await fetch(`${address}?ids=${open.join(",")}`, { headers: { Accept: "application/json" } });
        if (response.status === 401) return;
        if (response.ok) { for (const job of (await response.json()).jobs) show(job); }
      } catch { /* the next look may reach the site again */ }
    }
    setTimeout(refresh, EVERY);
  }
  setTimeout(refresh, 1000);
})();
