// The form of a schedule: says while one types what an expression means and when it is due next.
(() => {
  "use strict";
  const WAIT_MS = 250;

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("schedule-meaning");
    const cron = document.getElementById("id_cron");
    const zone = document.getElementById("id_time_zone");
    if (!place || !cron || !zone) return;
    let timer;
    let asked = 0;

    async function show() {
      const number = ++asked;
      const query = new URLSearchParams({ cron: cron.value, time_zone: zone.value });
      try {
        const answer = await fetch(`${place.dataset.address}?${query}`, { headers: { Accept: "text/html" } });
        // An answer that is late belongs to an earlier text.
        if (answer.ok && !answer.redirected && number === asked) place.innerHTML = await answer.text();
      } catch {
        // Without the server the last answer stays; the form says at saving what is wrong.
      }
    }

    function later() {
      clearTimeout(timer);
      timer = setTimeout(show, WAIT_MS);
    }

    for (const field of [cron, zone]) field.addEventListener("input", later);
    const presets = document.querySelector("[data-cron-presets]");
    presets.hidden = false;
    presets.addEventListener("click", (event) => {
      const button = event.target.closest("[data-cron]");
      if (!button) return;
      cron.value = button.dataset.cron;
      show();
    });
  });
})();
