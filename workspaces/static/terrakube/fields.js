// Fields of unfold's pages: the first focus, file inputs.
(() => {
  "use strict";
  // The page is hidden until its scripts have started, and a hidden field cannot take the focus.
  document.addEventListener("alpine:initialized", () =>
    setTimeout(() => {
      if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
    }));

  // unfold's script shows the name of a chosen file in a field around its own; ours is as browsers draw it.
  document.addEventListener("DOMContentLoaded", () => {
    for (const input of document.querySelectorAll("input[type=file].tk-input")) input.hasChangeListener = true;
  });
})();
