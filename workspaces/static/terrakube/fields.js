// Fields that Django's and unfold's scripts draw: their names for screen readers, the first focus, file inputs.
(() => {
  "use strict";
  // The page is hidden until its scripts have started, and a hidden field cannot take the focus.
  document.addEventListener("alpine:initialized", () =>
    setTimeout(() => {
      if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
    }));

  // Select2 draws the boxes that choose another record, without a name for screen readers.
  function nameBoxes() {
    for (const box of document.querySelectorAll(".select2-selection")) {
      const field = box.closest(".select2")?.previousElementSibling;
      const label = field && document.querySelector(`label[for="${field.id}"]`);
      const name = label ? label.textContent.trim() : field?.getAttribute("aria-label");
      if (name) {
        for (const part of [box, ...box.querySelectorAll("[role=textbox], [role=searchbox]")]) {
          part.setAttribute("aria-label", name);
        }
      }
    }
  }
  document.addEventListener("DOMContentLoaded", () => {
    if (
      !document.querySelector(".admin-autocomplete, .unfold-admin-autocomplete, .select2-selection, select[multiple]")
    ) return;
    new MutationObserver(nameBoxes).observe(document.body, { childList: true, subtree: true });
    nameBoxes();
  });

  // unfold's script shows the name of a chosen file in a field around its own; ours is as browsers draw it.
  document.addEventListener("DOMContentLoaded", () => {
    for (const input of document.querySelectorAll("input[type=file].tk-input")) input.hasChangeListener = true;
  });
})();
