// Show the log of a step, whole or its end: live by server-sent events, by polling where those do not come through.
(() => {
  "use strict";
  const panel = document.getElementById("log");
  if (!panel) return;
  const texts = document.currentScript.dataset;
  const byId = (id) => document.getElementById(id);
  const steps = document.getElementById("run").dataset.steps;
  // The terminal keeps this many lines; of a longer log it shows the end, and the download has all of it.
  const LINES = 50000;
  const TAIL_BYTES = 2 * 1024 * 1024;
  const WIDE_COLUMNS = 240;
  const ERROR = /\b(error|panic|fatal|failed)\b/i;

  // The terminal writes its colours and sizes into style elements, which need the page's nonce.
  const nonce = document.querySelector("meta[name=style-nonce]").content;
  const createElement = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const made = createElement(name, options);
    if (name === "style") made.nonce = nonce;
    return made;
  };

  window.Terminal.strings.promptLabel = texts.textTerminal;
  // The server's text is safe to write: its only control sequences are colours and styles.
  const terminal = new window.Terminal({
    convertEol: true,
    disableStdin: true,
    cursorBlink: false,
    cursorInactiveStyle: "none",
    scrollback: LINES,
    fontSize: 12,
    fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
    lineHeight: 1.25,
    theme: {
      background: "#0f1115",
      foreground: "#e5e7eb",
      cursor: "#0f1115",
      selectionBackground: "#3b5b92",
      brightBlack: "#8b949e",
      black: "#6e7681",
    },
    minimumContrastRatio: 4.5,
    allowProposedApi: true,
  });
  const fit = new window.FitAddon.FitAddon();
  const search = new window.SearchAddon.SearchAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  terminal.options.screenReaderMode = false;

  let shown = null; // { step, attempt, offset, source, generation }
  let generation = 0;
  let opened = false;

  function wrapped() {
    return byId("log-wrap").checked;
  }

  function size() {
    if (!opened || byId("log-terminal").hidden) return;
    const wanted = fit.proposeDimensions();
    if (!wanted || !wanted.cols) return;
    const columns = wrapped() ? wanted.cols : Math.max(wanted.cols, WIDE_COLUMNS);
    if (columns !== terminal.cols || wanted.rows !== terminal.rows) terminal.resize(columns, wanted.rows);
  }

  // Without output there is no terminal: it would be an empty black box.
  function showTerminal() {
    const box = byId("log-terminal");
    if (!box.hidden) return;
    // The room that was kept stays until what is written has its own height, so that nothing below jumps.
    const skeleton = byId("log-skeleton");
    if (skeleton) box.style.height = `${skeleton.offsetHeight}px`;
    skeleton?.remove();
    box.hidden = false;
    if (!opened) {
      terminal.open(box);
      opened = true;
      new ResizeObserver(size).observe(box);
    }
    size();
  }

  // Fill the words in braces of a text.
  function filled(text, words) {
    return text.replace(/\{(\w+)\}/g, (whole, name) => words[name] ?? whole);
  }

  function say(text) {
    byId("log-state").textContent = text;
  }

  function note(text, action) {
    const place = byId("log-note");
    place.textContent = text;
    place.hidden = !text;
    if (!action) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "tk-button tk-small";
    button.textContent = action;
    button.addEventListener("click", () => begin(shown.step, shown.attempt, undefined));
    place.append(" ", button);
  }

  function address(kind, offset) {
    return `${steps}${shown.step}/${kind}?attempt=${shown.attempt}` + (offset === undefined ? "" : `&offset=${offset}`);
  }

  function write(bytes, mine) {
    return new Promise((done) => {
      if (mine !== generation || !bytes.length) return done();
      showTerminal();
      terminal.write(bytes, () => {
        if (mine === generation) grow();
        if (byId("log-follow").checked) terminal.scrollToBottom();
        // Many empty lines must not push earlier lines out unnoticed.
        if (!shown.full && terminal.buffer.active.baseY >= LINES) {
          shown.full = true;
          byId("log-note").append(" ", filled(texts.textFull, { number: LINES }));
          byId("log-note").hidden = false;
        }
        done();
      });
    });
  }

  function fromBase64(text) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
    return bytes;
  }

  async function piece(offset, tail) {
    const response = await fetch(address("log", offset) + (tail ? `&tail=${tail}` : ""));
    if (response.status === 401) {
      say(texts.textSignedOut);
      return null;
    }
    if (!response.ok) throw new Error(String(response.status));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const number = (name) => Number(response.headers.get(name));
    return {
      bytes,
      start: number("X-Log-Start"),
      end: number("X-Log-End"),
      size: number("X-Log-Size"),
      over: response.headers.get("X-Log-Over") === "1",
    };
  }

  const tenths = new Intl.NumberFormat(document.documentElement.lang || "en", {
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  function mebibytes(bytes) {
    return `${tenths.format(bytes / 1048576)} MiB`;
  }

  async function load(mine, from) {
    // Existing output comes in large pieces, not through events.
    const first = await piece(from || 0, from === undefined ? TAIL_BYTES : 0);
    if (!first || mine !== generation) return;
    shown.partial = from !== undefined || first.start > 0;
    shown.last = from === undefined ? Infinity : from + TAIL_BYTES;
    if (from !== undefined) {
      note(filled(texts.textPart, { size: mebibytes(first.size), from: mebibytes(from) }), texts.textShowEnd);
    } else if (first.start) {
      note(filled(texts.textTail, { size: mebibytes(first.size), shown: mebibytes(TAIL_BYTES) }));
    }
    if (first.start) first.bytes = first.bytes.subarray(first.bytes.indexOf(10) + 1);
    for (let part = first;; part = await piece(shown.offset)) {
      if (!part || mine !== generation) return;
      await write(part.bytes, mine);
      if (mine !== generation) return;
      const stuck = part.end <= shown.offset;
      shown.offset = part.end;
      if (shown.offset >= shown.last) return say("");
      if (part.end >= part.size || stuck) return part.over ? over(mine) : listen(mine);
    }
  }

  // The terminal is as high as a short log, and grows with it up to its full height.
  function grow() {
    if (!shown.tall) fitHeight();
  }

  function fitHeight() {
    const box = byId("log-terminal"), buffer = terminal.buffer.active;
    if (box.hidden) return;
    box.style.height = "";
    size();
    let lines = buffer.length;
    while (lines > 1 && !buffer.getLine(lines - 1).translateToString(true)) lines -= 1;
    shown.tall = lines >= terminal.rows;
    if (shown.tall) return;
    const screen = terminal.element.querySelector(".xterm-screen");
    const content = Math.ceil(screen.clientHeight / terminal.rows * (Math.max(lines, 3) + 1));
    box.style.height = `${content + box.offsetHeight - box.clientHeight + 16}px`;
  }

  function over(mine) {
    if (mine !== generation) return;
    fitHeight();
    panel.dataset.over = "1";
    say(shown.offset ? texts.textComplete : texts.textNoOutput);
  }

  function listen(mine) {
    if (!("EventSource" in window)) return ask(mine);
    let came = false;
    const source = new EventSource(address("events", shown.offset));
    shown.source = source;
    say(texts.textLive);
    source.onmessage = (event) => {
      came = true;
      if (mine !== generation) return source.close();
      const end = Number(event.lastEventId);
      if (end <= shown.offset) return;
      if (!shown.offset) say(texts.textLive);
      shown.offset = end;
      write(fromBase64(event.data), mine);
    };
    source.addEventListener("over", () => {
      source.close();
      over(mine);
    });
    source.onerror = () => {
      if (mine !== generation) return source.close();
      say(texts.textConnecting);
      // Poll when the server refused the event source or nothing ever came through it.
      if (source.readyState === EventSource.CLOSED || !came) {
        source.close();
        ask(mine);
      }
    };
    source.onopen = () => {
      if (mine === generation) say(shown.offset ? texts.textLive : texts.textLiveEmpty);
    };
  }

  // A browser has few connections per host: a hidden page closes its own and reconnects when it is shown.
  document.addEventListener("visibilitychange", () => {
    if (!shown) return;
    if (document.hidden && shown.source && shown.source.readyState !== EventSource.CLOSED) {
      shown.source.close();
      shown.paused = true;
    } else if (!document.hidden && shown.paused) {
      shown.paused = false;
      listen(generation);
    }
  });

  async function ask(mine) {
    while (mine === generation) {
      try {
        const part = await piece(shown.offset);
        if (!part || mine !== generation) return;
        await write(part.bytes, mine);
        shown.offset = part.end;
        say(texts.textLiveAsking);
        if (part.over && part.end >= part.size) return over(mine);
      } catch {
        say(texts.textNoAnswer);
      }
      if (mine !== generation) return;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }

  function begin(step, attempt, from) {
    if (shown && shown.source) shown.source.close();
    generation += 1;
    shown = { step, attempt, offset: from || 0, source: null, partial: false };
    panel.dataset.over = "";
    byId("log-terminal").hidden = true;
    terminal.reset();
    terminal.write("\x1b[?25l");
    note("");
    say(texts.textLoading);
    const mine = generation;
    return load(mine, from).catch(() => ask(mine));
  }

  function open(step, attempt, name) {
    if (shown && shown.step === step && shown.attempt === attempt) return;
    begin(step, attempt, undefined);
    byId("log-name").textContent = name ? filled(texts.textOf, { name }) : "";
    byId("log-download").href = address("log.txt");
  }

  // Search the whole log on the server for text outside the shown part; return whether it was found.
  async function findOutside(text) {
    if (!shown.partial) return false;
    say(texts.textLooking);
    const response = await fetch(address("find", 0) + (text ? `&text=${encodeURIComponent(text)}` : ""));
    const offset = response.ok ? (await response.json()).offset : null;
    if (offset === null) return false;
    byId("log-follow").checked = false;
    await begin(shown.step, shown.attempt, Math.max(offset - 16384, 0));
    return true;
  }

  async function find(back) {
    const text = byId("log-search").value;
    if (!text) return search.clearDecorations();
    byId("log-follow").checked = false;
    const options = {
      decorations: {
        matchBackground: "#7c5e10",
        activeMatchBackground: "#d97706",
        matchOverviewRuler: "#d97706",
        activeMatchColorOverviewRuler: "#d97706",
      },
    };
    const here = () => (back ? search.findPrevious(text, options) : search.findNext(text, options));
    if (here()) return say("");
    if (await findOutside(text)) here();
    else say(filled(texts.textNotFound, { text }));
  }

  function errorLine() {
    const buffer = terminal.buffer.active;
    for (let line = 0; line < buffer.length; line += 1) {
      if (ERROR.test(buffer.getLine(line).translateToString(true))) return line;
    }
    return -1;
  }

  async function firstError() {
    if (!(await findOutside("")) && errorLine() < 0) return say(texts.textNoError);
    const line = errorLine();
    if (line < 0) return;
    byId("log-follow").checked = false;
    terminal.scrollToLine(Math.max(line - 2, 0));
    terminal.selectLines(line, line);
  }

  byId("log-search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      find(event.shiftKey);
    }
  });
  byId("log-search").addEventListener("input", () => {
    if (!byId("log-search").value) search.clearDecorations();
  });
  byId("log-next").addEventListener("click", () => find(false));
  byId("log-previous").addEventListener("click", () => find(true));
  byId("log-wrap").addEventListener("change", () => {
    if (panel.dataset.over || !shown.tall) fitHeight();
    else size();
  });
  byId("log-follow").addEventListener("change", () => {
    if (byId("log-follow").checked) terminal.scrollToBottom();
  });
  byId("log-terminal").addEventListener("wheel", (event) => {
    if (event.deltaY < 0) byId("log-follow").checked = false;
  }, { passive: true });
  byId("log-error").addEventListener("click", firstError);

  function text() {
    const buffer = terminal.buffer.active;
    const lines = [];
    for (let line = 0; line < buffer.length; line += 1) {
      const row = buffer.getLine(line);
      // A line that goes on in the next row keeps the blanks at its end.
      const words = row.translateToString(!buffer.getLine(line + 1)?.isWrapped);
      if (row.isWrapped && lines.length) lines[lines.length - 1] += words;
      else lines.push(words);
    }
    return lines.join("\n");
  }

  // Print the text; a printed terminal would be one dark screen.
  const PRINTED = 5000;
  window.addEventListener("beforeprint", () => {
    if (!opened) return;
    const lines = text().trimEnd().split("\n");
    const last = lines.slice(-PRINTED);
    if (last.length < lines.length) last.unshift(filled(texts.textEarlier, { number: lines.length - last.length }));
    byId("log-print").textContent = last.join("\n");
  });
  window.addEventListener("afterprint", () => {
    byId("log-print").textContent = "";
  });

  panel.addEventListener("terrakube:moved", () => {
    if (opened && byId("log-follow").checked) terminal.scrollToBottom();
  });
  panel.addEventListener("terrakube:open-log", ({ detail }) => open(detail.step, detail.attempt, detail.name));
  // For tests, which read the text of a terminal that draws only the lines in view.
  window.terrakubeLog = { text };
})();
