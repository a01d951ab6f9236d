// A piece of a page that has work going on (data-again: seconds) asks for the page again, and replaces only itself.
(() => {
  "use strict";
  function wait(piece) {
    const seconds = Number(piece.dataset.again);
    if (seconds) setTimeout(() => ask(piece), seconds * 1000);
  }

  async function ask(piece) {
    let next = null;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) {
        // Signed out: the way to the sign-in leads back here.
        location.assign(answer.url);
        return;
      }
      if (answer.ok) {
        next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(piece.id);
      }
    } catch {
      // The server is away for a moment; the piece stays as it is.
    }
    if (next) {
      piece.replaceWith(next);
      next.dispatchEvent(new Event("terrakube:replaced", { bubbles: true }));
    }
    wait(next || piece);
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const piece of document.querySelectorAll("[data-again]")) wait(piece);
  });
})();
