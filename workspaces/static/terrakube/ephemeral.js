// Controls for the executor's settings. The form sends the text of each variable, and the server alone judges it: a
// control splits the text into fields and joins it again. A text that does not split is edited as text.
(() => {
  "use strict";
  const section = document.getElementById("ephemeral-executor");
  if (!section) return;
  const texts = document.currentScript.dataset;
  const EFFECTS = [
    ["", texts.textEveryEffect],
    ["NoSchedule", "NoSchedule"],
    ["PreferNoSchedule", "PreferNoSchedule"],
    ["NoExecute", "NoExecute"],
  ];
  const OPERATORS = [["Exists", "Exists"], ["Equal", "Equal"]];
  const CPU_UNITS = [["m", texts.textMillicores], ["", texts.textCores]];
  const BYTE_UNITS = [["Mi", "MiB"], ["Gi", "GiB"], ["Ti", "TiB"], ["Ki", "KiB"], ["M", "MB"], ["G", "GB"], [
    "",
    texts.textBytes,
  ]];
  const TRUTH = [["", texts.textNotSaid], ["true", "true"], ["false", "false"]];

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "class") made.className = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function input(value, attributes) {
    const made = element("input", {
      class: "tk-input tk-mono",
      type: "text",
      spellcheck: "false",
      autocomplete: "off",
      ...attributes,
    });
    made.value = value;
    return made;
  }

  function select(value, options, attributes) {
    const made = element("select", { class: "tk-input", ...attributes });
    for (const [key, name] of options) {
      const option = element("option", { value: key }, name);
      option.selected = key === value;
      made.append(option);
    }
    return made;
  }

  function remove(row, written) {
    return element("button", {
      type: "button",
      class: "tk-button tk-small",
      title: texts.textRemove,
      "aria-label": texts.textRemove,
      onclick: () => {
        row.remove();
        written();
      },
    }, "×");
  }

  // A separator typed into a field would split it, which the server could not tell from two items.
  function judge(written) {
    return (event) => {
      event.target.setCustomValidity(event.target.value.includes(";") ? texts.textSeparator : "");
      event.target.reportValidity();
      written();
    };
  }

  // Each editor: read(text) splits the text, or returns null where it cannot; row(state, written) builds the fields;
  // text(rows) joins them.
  const pairs = {
    read: (text) => {
      if (/^\s*[[{]/.test(text)) return null;
      return text.split(";").map((item) => item.trim()).filter(Boolean).map((item) => {
        const at = item.indexOf("=");
        return at < 0 ? [item, ""] : [item.slice(0, at).trim(), item.slice(at + 1).trim()];
      });
    },
    row: ([key, value], written) => {
      const row = element("div", { class: "tk-row" });
      const judged = judge(written);
      row.append(
        input(key, {
          "aria-label": texts.textKey,
          placeholder: texts.textKeyHint,
          oninput: judged,
          "data-part": "key",
        }),
        input(value, {
          "aria-label": texts.textValue,
          placeholder: texts.textValueHint,
          oninput: judged,
          "data-part": "value",
        }),
        remove(row, written),
      );
      return row;
    },
    text: (rows) =>
      rows.map((row) => [part(row, "key"), part(row, "value")]).filter(([key]) => key)
        .map(([key, value]) => `${key}=${value}`).join(";"),
    empty: ["", ""],
    add: texts.textAddPair,
  };

  const tolerations = {
    read: (text) => {
      const found = [];
      for (const item of text.split(";").map((one) => one.trim())) {
        if (!item) continue;
        const parts = item.split(":").map((one) => one.trim());
        const head = parts[0].split("=");
        if (parts.length > 3 || head.length > 2 || !["Exists", "Equal", undefined, ""].includes(parts[1])) return null;
        if (!EFFECTS.some(([key]) => key === (parts[2] || ""))) return null;
        found.push({
          key: head[0].trim(),
          value: (head[1] || "").trim(),
          operator: parts[1] || "Exists",
          effect: parts[2] || "",
        });
      }
      return found;
    },
    row: (one, written) => {
      const row = element("div", { class: "tk-row" });
      const value = input(one.value, {
        "aria-label": texts.textValue,
        placeholder: texts.textValueHint,
        oninput: judge(written),
        "data-part": "value",
      });
      const operator = select(one.operator, OPERATORS, { "aria-label": texts.textOperator, "data-part": "operator" });
      const fit = () => {
        value.disabled = operator.value === "Exists" && !value.value;
      };
      operator.addEventListener("change", () => {
        if (operator.value === "Exists") value.value = "";
        fit();
        written();
      });
      row.append(
        input(one.key, {
          "aria-label": texts.textTaintKey,
          placeholder: texts.textKeyHint,
          oninput: judge(written),
          "data-part": "key",
        }),
        operator,
        value,
        select(one.effect, EFFECTS, { "aria-label": texts.textEffect, onchange: written, "data-part": "effect" }),
        remove(row, written),
      );
      fit();
      return row;
    },
    text: (rows) =>
      rows.map((row) => {
        const key = part(row, "key"),
          value = part(row, "value"),
          operator = part(row, "operator"),
          effect = part(row, "effect");
        if (!key && !value) return "";
        const head = value ? `${key}=${value}` : key;
        if (effect) return `${head}:${operator}:${effect}`;
        return operator === "Exists" ? head : `${head}:${operator}`;
      }).filter(Boolean).join(";"),
    empty: { key: "", value: "", operator: "Exists", effect: "NoSchedule" },
    add: texts.textAddToleration,
  };

  function quantity(units) {
    return {
      single: true,
      read: (text) => {
        const match = /^\s*(\d+(?:\.\d+)?)?([A-Za-z]*)\s*$/.exec(text);
        if (!match || (match[2] && !match[1]) || !units.some(([key]) => key === match[2])) return null;
        return [match[1] || "", match[1] ? match[2] : units[0][0]];
      },
      row: ([number, unit], written) =>
        element(
          "div",
          { class: "tk-row" },
          input(number, {
            "aria-label": texts.textAmount,
            inputmode: "decimal",
            oninput: written,
            "data-part": "number",
            class: "tk-input tk-mono tk-short",
          }),
          select(unit, units, { "aria-label": texts.textUnit, onchange: written, "data-part": "unit" }),
        ),
      text: (rows) => (part(rows[0], "number") ? part(rows[0], "number") + part(rows[0], "unit") : ""),
    };
  }

  function known(fields) {
    return {
      single: true,
      read: (text) => {
        const found = pairs.read(text);
        if (found === null || found.some(([key]) => !fields.some(([name]) => name === key))) return null;
        return Object.fromEntries(found);
      },
      row: (state, written) => {
        const group = element("div", {});
        for (const [name, options] of fields) {
          const control = options
            ? select(state[name] || "", options, { onchange: written, "data-part": name, "aria-label": name })
            : input(state[name] || "", {
              oninput: written,
              "data-part": name,
              "aria-label": name,
              class: "tk-input tk-mono tk-short",
            });
          group.append(element("div", { class: "tk-row" }, element("label", {}, name), control));
        }
        return group;
      },
      text: (rows) =>
        fields.map(([name]) => [name, part(rows[0], name)]).filter(([, value]) => value)
          .map(([name, value]) => `${name}=${value}`).join(";"),
    };
  }

  function part(row, name) {
    return row.querySelector(`[data-part="${name}"]`).value.trim();
  }

  function editorOf(setting) {
    const kind = setting.dataset.editor;
    if (kind === "pairs") return pairs;
    if (kind === "tolerations") return tolerations;
    if (kind === "quantity") return quantity(setting.dataset.name.includes("_CPU_") ? CPU_UNITS : BYTE_UNITS);
    if (kind === "pod-security") return known([["fsGroup"], ["runAsUser"], ["runAsNonRoot", TRUTH]]);
    if (kind === "container-security") return known([["allowPrivilegeEscalation", TRUTH]]);
    return null;
  }

  function enhance(setting) {
    const raw = setting.querySelector("[data-raw] .tk-input");
    const chosen = setting.querySelector("[data-set]");
    const place = setting.querySelector("[data-rows]");
    const rawPlace = setting.querySelector("[data-raw]");
    const editor = "sensitive" in setting.dataset ? null : editorOf(setting);
    const mark = () => setting.classList.toggle("tk-unset", !chosen.checked);
    const rows = element("div", { "data-list": "" });

    function written() {
      raw.value = editor.text([...rows.children]);
      chosen.checked = raw.value !== "";
      mark();
    }

    function show() {
      const state = editor.read(raw.value);
      place.hidden = state === null;
      rawPlace.hidden = state !== null;
      if (state === null) return;
      rows.replaceChildren();
      if (editor.single) rows.append(editor.row(state, written));
      else for (const one of state) rows.append(editor.row(one, written));
    }

    raw.addEventListener("input", () => {
      if (raw.value.trim()) chosen.checked = true;
      mark();
    });
    chosen.addEventListener("change", () => {
      if (!chosen.checked) {
        raw.value = "";
        if (editor && !place.hidden) show();
      }
      mark();
    });
    if (!editor) return;

    const buttons = element("div", { class: "tk-editor-buttons" });
    if (!editor.single) {
      buttons.append(element("button", {
        type: "button",
        class: "tk-button tk-small",
        onclick: () => {
          rows.append(editor.row(editor.empty, written));
          rows.lastElementChild.querySelector("input").focus();
        },
      }, editor.add));
    }
    buttons.append(element("button", {
      type: "button",
      class: "tk-button tk-small",
      onclick: () => {
        place.hidden = true;
        rawPlace.hidden = false;
        raw.focus();
      },
    }, texts.textEditAsText));
    place.append(rows, buttons);
    rawPlace.append(element("button", {
      type: "button",
      class: "tk-button tk-small",
      onclick: () => {
        show();
        if (place.hidden) back.textContent = texts.textNoOtherForm;
      },
    }, texts.textEditInFields));
    const back = rawPlace.lastElementChild;
    show();
    // The label focuses the visible control.
    setting.querySelector("label.tk-setting-title").addEventListener("click", (event) => {
      if (!place.hidden) {
        event.preventDefault();
        (place.querySelector("input, select, button") || raw).focus();
      }
    });
  }

  for (const setting of section.querySelectorAll("[data-editor]")) enhance(setting);
  if (section.disabled) {
    for (const button of section.querySelectorAll(".tk-editor-buttons button")) button.hidden = true;
  }
  section.querySelector(".tk-error")?.closest(".tk-setting")?.scrollIntoView({ block: "center" });

  const settings = document.getElementById("executor-settings");
  section.closest("form")?.addEventListener("submit", (event) => {
    const wrong = section.querySelector("[data-rows]:not([hidden]) input:invalid");
    if (!wrong) return;
    event.preventDefault();
    if (settings) settings.open = true;
    wrong.reportValidity();
  });
  for (const radio of section.querySelectorAll(".tk-segments input")) {
    radio.addEventListener("change", () => {
      if (radio.checked && radio.value === "1") settings.open = true;
    });
  }
})();
