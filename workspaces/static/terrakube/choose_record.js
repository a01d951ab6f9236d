// Selects of a record: type a part of its name, and the server offers what fits. Without this script, what is stored
// stays chosen.
(() => {
  "use strict";
  const PAUSE = 200;
  let number = 0;

  class Choice {
    constructor(select) {
      this.select = select;
      this.asked = null;
      this.timer = 0;
      this.rows = [];
      this.at = -1;
      number += 1;
      this.box = this.make("div", { className: "tk-choose" });
      this.input = this.make("input", { type: "text", className: "tk-input", autocomplete: "off" });
      this.list = this.make("ul", { id: `choices-${number}`, className: "tk-choose-list", hidden: true });
      this.list.setAttribute("role", "listbox");
      this.describe();
      select.hidden = true;
      select.after(this.box);
      if (select.multiple) this.chosen = this.box.appendChild(this.make("span", { className: "tk-facts" }));
      this.box.append(this.input, this.list);
      this.listen();
      this.show();
    }

    make(name, values) {
      return Object.assign(document.createElement(name), values);
    }

    describe() {
      const { select, input, list } = this;
      const label = select.id && document.querySelector(`label[for="${select.id}"]`);
      input.id = `${select.id || "choose"}-text-${number}`;
      if (label) label.htmlFor = input.id;
      const name = select.getAttribute("aria-label") || label?.textContent.trim();
      if (name) { for (const one of [input, list]) one.setAttribute("aria-label", name); }
      for (const given of ["aria-describedby", "aria-invalid"]) {
        if (select.hasAttribute(given)) input.setAttribute(given, select.getAttribute(given));
      }
      input.autofocus = select.autofocus;
      input.disabled = select.disabled;
      input.setAttribute("role", "combobox");
      input.setAttribute("aria-autocomplete", "list");
      input.setAttribute("aria-controls", list.id);
      input.setAttribute("aria-expanded", "false");
    }

    listen() {
      const { input, list } = this;
      input.addEventListener("input", () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.ask(), PAUSE);
      });
      input.addEventListener("click", () => this.ask());
      input.addEventListener("keydown", (event) => this.press(event));
      input.addEventListener("blur", () => this.leave());
      // The field keeps the focus: choosing is not leaving it.
      list.addEventListener("mousedown", (event) => event.preventDefault());
      list.addEventListener("click", (event) => {
        const row = event.target.closest("[role=option]");
        if (row) this.choose(this.rows[[...list.children].indexOf(row)]);
      });
    }

    show() {
      if (!this.chosen) {
        this.input.value = this.select.selectedOptions[0]?.value ? this.select.selectedOptions[0].text : "";
        return;
      }
      this.input.value = "";
      this.chosen.replaceChildren(...[...this.select.selectedOptions].map((option) => {
        const button = this.make("button", { type: "button", className: "tk-button tk-small" });
        button.textContent = `${option.text} ×`;
        button.addEventListener("click", () => {
          option.remove();
          this.changed();
        });
        return button;
      }));
    }

    async ask() {
      const { ajaxUrl, appLabel, modelName, fieldName } = this.dataset();
      const typed = this.input.value === this.select.selectedOptions[0]?.text ? "" : this.input.value.trim();
      this.asked?.abort();
      const asked = this.asked = new AbortController();
      const query = new URLSearchParams({
        term: typed,
        app_label: appLabel,
        model_name: modelName,
        field_name: fieldName,
        organization: this.select.dataset.organization ?? this.select.form?.elements.organization?.value ?? "",
      });
      try {
        const response = await fetch(`${ajaxUrl}?${query}`, { signal: asked.signal });
        if (response.ok && this.input.matches(":focus")) this.offer((await response.json()).results);
      } catch { /* the next one may reach the site */ }
    }

    dataset() {
      const { appLabel, modelName, fieldName } = this.select.dataset;
      return { ajaxUrl: this.select.getAttribute("data-ajax--url"), appLabel, modelName, fieldName };
    }

    offer(rows) {
      const taken = new Set(this.chosen ? [...this.select.selectedOptions].map((one) => one.value) : []);
      this.rows = rows.filter((row) => !taken.has(String(row.id)));
      this.list.replaceChildren(...this.rows.map((row, at) => {
        const item = this.make("li", { id: `${this.list.id}-${at}`, textContent: row.text });
        item.setAttribute("role", "option");
        return item;
      }));
      this.open(this.rows.length > 0);
      this.mark(this.rows.length ? 0 : -1);
    }

    open(isOpen) {
      this.list.hidden = !isOpen;
      this.input.setAttribute("aria-expanded", String(isOpen));
      if (!isOpen) this.input.removeAttribute("aria-activedescendant");
    }

    // An answer on its way opens nothing.
    close() {
      clearTimeout(this.timer);
      this.asked?.abort();
      this.open(false);
    }

    mark(at) {
      this.at = at;
      [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
      const item = this.list.children[at];
      if (!item) return;
      this.input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    }

    press(event) {
      const isOpen = !this.list.hidden;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const count = this.rows.length;
        if (!isOpen) this.ask();
        else this.mark((this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
      } else if (event.key === "Enter" && isOpen) {
        event.preventDefault();
        this.choose(this.rows[this.at]);
      } else if (event.key === "Escape" && isOpen) {
        event.preventDefault();
        event.stopPropagation();
        this.close();
        this.show();
      }
    }

    choose(row) {
      if (!row) return;
      const option = new Option(row.text, row.id, true, true);
      if (this.chosen) this.select.append(option);
      else this.select.replaceChildren(option);
      this.close();
      this.changed();
    }

    // A text that was emptied chooses nothing; any other that was not chosen is forgotten.
    leave() {
      this.close();
      const mayClear = !this.chosen && this.select.dataset.allowClear === "true";
      if (mayClear && !this.input.value.trim() && this.select.value) {
        this.select.replaceChildren(new Option("", "", true, true));
        this.changed();
      } else this.show();
    }

    changed() {
      this.show();
      this.select.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }

  function begin(root) {
    for (const select of root.querySelectorAll("select.admin-autocomplete")) {
      if (!select.hidden && !select.closest(".empty-form")) new Choice(select);
    }
  }

  document.addEventListener("DOMContentLoaded", () => begin(document));
  document.addEventListener("formset:added", (event) => begin(event.target));
})();
