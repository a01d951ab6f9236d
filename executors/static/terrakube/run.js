// Refresh the page of a job: the server sends its parts when something has changed.
(() => {
  "use strict";
  const run = document.getElementById("run");
  if (!run) return;
  const texts = document.currentScript.dataset;
  const byId = (id) => document.getElementById(id);
  const QUICK = 1000, SLOW = 5000;
  let version = "", resultsVersion = run.dataset.resultsVersion, failures = 0, chosen = false, timer = 0;

  function replace(element, html) {
    // Keep what the reader opened or typed.
    const open = new Map([...element.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    const typed = new Map([...element.querySelectorAll("[data-keep]")].map((one) => [one.name, one.value]));
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    element.innerHTML = html;
    element.dispatchEvent(new Event("terrakube:replaced", { bubbles: true }));
    for (const one of element.querySelectorAll("details[id]")) if (open.has(one.id)) one.open = open.get(one.id);
    for (const one of element.querySelectorAll("[data-keep]")) if (typed.has(one.name)) one.value = typed.get(one.name);
    if (focused) successor(element, focused)?.focus();
  }

  // What stands for an element that had the focus: a field of its name, a log of its step, else what says the same.
  function successor(element, { name, dataset, localName, textContent }) {
    if (name) return element.querySelector(`[name="${name}"]`);
    if (dataset.logStep) return element.querySelector(`[data-log-step="${dataset.logStep}"]`);
    return [...element.querySelectorAll(localName)].find((one) => one.textContent.trim() === textContent.trim());
  }

  // The icon of the tab has a dot in the colour of the status, to be seen from other tabs.
  const COLOURS = { good: "#16a34a", bad: "#dc2626", active: "#2563eb", attention: "#d97706" };
  const icon = document.querySelector("link[rel=icon]");
  function mark(tone) {
    if (!icon || icon.dataset.tone === tone) return;
    icon.dataset.tone = tone;
    const colour = COLOURS[tone] || "#71717a";
    icon.href = "data:image/svg+xml," + encodeURIComponent(
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">' +
        '<path fill="#2563eb" fill-opacity=".35" d="M16 2 28 9v14l-12 7L4 23V9z"/>' +
        '<circle cx="20" cy="20" r="11" fill="' + colour + '" stroke="#fff" stroke-width="2"/></svg>',
    );
  }

  function busy() {
    // A form being sent must not vanish under the pointer.
    return run.querySelector("form[data-sent]") !== null;
  }

  async function showResults(wanted) {
    const response = await fetch(run.dataset.results);
    if (!response.ok) return;
    replace(byId("run-results"), await response.text());
    resultsVersion = wanted;
  }

  function openLog(step, attempt, name) {
    byId("log").dispatchEvent(new CustomEvent("terrakube:open-log", { detail: { step, attempt, name } }));
  }

  function showLog(log) {
    if (!log || chosen) return;
    const panel = byId("log");
    panel.hidden = false;
    const button = run.querySelector(`[data-log-step="${log.step}"][data-log-attempt="${log.attempt}"]`);
    openLog(log.step, log.attempt, button ? button.dataset.logName : "");
  }

  // The log comes first while it grows, and after the plan when that is to be read.
  function arrange(leads) {
    const log = byId("log");
    if (run.dataset.leads === leads || chosen || log.contains(document.activeElement)) return;
    run.dataset.leads = leads;
    if (leads === "log") byId("run-results").before(log);
    else byId("comments").after(log);
    log.dispatchEvent(new Event("terrakube:moved"));
  }

  async function look() {
    let pause;
    try {
      const response = await fetch(`${run.dataset.live}?version=${version}`);
      if (response.status === 401) {
        lost(texts.textSignedOut);
        return;
      }
      if (response.status === 200 && !busy()) {
        const parts = await response.json();
        version = parts.version;
        replace(byId("run-head"), parts.head);
        replace(byId("run-steps"), parts.steps);
        replace(byId("run-progress"), parts.progress);
        replace(byId("run-comments"), parts.comments);
        document.title = parts.title;
        mark(parts.tone);
        arrange(parts.leads);
        showLog(parts.log);
        run.dataset.final = parts.final ? "1" : "";
        if (parts.results !== resultsVersion) await showResults(parts.results);
      } else if (!response.ok) {
        throw new Error(String(response.status));
      }
      failures = 0;
      byId("run-lost").hidden = true;
      pause = run.dataset.final ? 15000 : QUICK;
    } catch {
      failures += 1;
      pause = failures > 2 ? SLOW : 2 * QUICK;
      if (failures > 2) lost(texts.textNoAnswer);
    }
    if (!document.hidden) timer = setTimeout(look, pause);
    else timer = 0;
  }

  function lost(sentence) {
    const note = byId("run-lost");
    note.textContent = sentence;
    note.hidden = false;
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !timer) look();
  });
  // Load long, seldom wanted parts when they are opened.
  run.addEventListener("toggle", async (event) => {
    const place = event.target.querySelector?.("pre");
    if (!event.target.dataset.load || !event.target.open || place.textContent) return;
    const response = await fetch(event.target.dataset.load);
    place.textContent = response.ok ? await response.text() : texts.textNoPlan;
  }, true);
  run.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) event.target.dataset.sent = "1";
  });
  run.addEventListener("click", (event) => {
    const button = event.target.closest("[data-log-step]");
    if (!button) return;
    chosen = true;
    byId("log").hidden = false;
    openLog(button.dataset.logStep, Number(button.dataset.logAttempt), button.dataset.logName);
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    byId("log").scrollIntoView({ behavior: still ? "auto" : "smooth", block: "nearest" });
  });
  mark(run.dataset.tone);
  look();
})();
