// Times are the viewer's: exact ones on hover, times of day in the viewer's zone, and spans that grow while a job runs.
(() => {
  "use strict";
  // The language of the page, in the reader's regional form where the browser has one: en-GB for en.
  const page = document.documentElement.lang || "en";
  const language = navigator.languages.find((one) => one.split("-")[0] === page.split("-")[0]) || page;
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });

  // Times are the viewer's, with the date only where it is not today, and with the zone; the server wrote them in UTC,
  // which the tooltip keeps.
  const ofDay = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
  const clock = new Intl.DateTimeFormat(language, ofDay);
  const clockAndDay = new Intl.DateTimeFormat(language, { ...ofDay, day: "numeric", month: "short" });
  const clockAndDate = new Intl.DateTimeFormat(language, { ...ofDay, day: "numeric", month: "short", year: "numeric" });
  function clockText(at) {
    const now = new Date();
    const sameYear = at.getFullYear() === now.getFullYear();
    const form = at.toDateString() === now.toDateString() ? clock : sameYear ? clockAndDay : clockAndDate;
    return form.format(at);
  }
  function showClock(root) {
    for (const time of root.querySelectorAll("time[data-clock]")) time.textContent = clockText(new Date(time.dateTime));
    // A choice holds no element, so its time follows its words.
    for (const choice of root.querySelectorAll("option[data-clock]")) {
      choice.textContent = `${choice.dataset.words} · ${clockText(new Date(choice.dataset.clock))}`;
    }
  }
  document.addEventListener("DOMContentLoaded", () => showClock(document));
  document.addEventListener("terrakube:replaced", (event) => showClock(event.target));

  // Durations of running work grow by themselves, in the same words as the server's.
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

  document.addEventListener("mouseover", (event) => {
    const time = event.target instanceof Element ? event.target.closest("time[datetime]") : null;
    if (time && !time.dataset.exact) {
      const at = new Date(time.dateTime);
      const utc = `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
      time.title = `${exact.format(at)}, ${utc}`;
      time.dataset.exact = "1";
    }
  });
})();
