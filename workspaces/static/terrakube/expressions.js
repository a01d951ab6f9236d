// Reads the expressions in the pages' x- attributes without eval, which the Content-Security-Policy does not allow.
// What is understood is the part of the language that django-unfold's templates use; anything else is an error.
(() => {
  "use strict";
  const OPERATORS = [
    "===", "!==", "&&=", "||=", "??=", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=",
    "(", ")", "{", "}", "[", "]", ".", ",", ":", ";", "?", "!", "=", "<", ">", "+", "-", "*", "/", "%",
  ];
  const WORDS = new Map([["true", true], ["false", false], ["null", null], ["undefined", undefined]]);
  // What an expression may name beside the data of its page; unfold's functions are looked up when they are called.
  const GLOBALS = {
    Math, localStorage: window.localStorage, getComputedStyle: window.getComputedStyle.bind(window),
    document: { getElementById: (id) => document.getElementById(id) },
    window: { get location() { return { pathname: location.pathname, search: location.search, hash: location.hash }; } },
  };
  const FUNCTIONS = new Set(["theme", "searchCommand", "getCurrentTab", "sortRecords", "moveRecords"]);
  // Ways from an element or a function to all of the page's powers.
  const CLOSED = new Set([
    "constructor", "__proto__", "prototype", "ownerDocument", "defaultView", "contentWindow", "contentDocument",
    "innerHTML", "outerHTML", "srcdoc", "insertAdjacentHTML", "view", "__defineGetter__", "__lookupGetter__",
  ]);

  // ---- text to tokens -------------------------------------------------------------------------------------------------

  function tokens(text) {
    const found = [];
    let at = 0;
    while (at < text.length) {
      const rest = text.slice(at);
      const space = /^\s+/.exec(rest);
      if (space) { at += space[0].length; continue; }
      const number = /^\d+(\.\d+)?/.exec(rest);
      const word = /^[A-Za-z_$][\w$]*/.exec(rest);
      const quoted = /^(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/s.exec(rest);
      if (number) found.push({ kind: "number", value: Number(number[0]) });
      else if (word) found.push({ kind: "word", value: word[0] });
      else if (quoted && quoted[3] !== undefined) found.push({ kind: "template", value: quoted[3] });
      else if (quoted) found.push({ kind: "text", value: (quoted[1] ?? quoted[2]).replace(/\\(.)/gs, "$1") });
      else {
        const operator = OPERATORS.find((one) => rest.startsWith(one));
        if (!operator) throw new SyntaxError(`"${rest[0]}" is not understood`);
        found.push({ kind: "operator", value: operator });
        at += operator.length;
        continue;
      }
      at += (number || word || quoted)[0].length;
    }
    return found;
  }

  // ---- tokens to functions of a scope -----------------------------------------------------------------------------------

  const BINARY = {
    "??": [1, (a, b) => a() ?? b()], "||": [2, (a, b) => a() || b()], "&&": [3, (a, b) => a() && b()],
    "===": [4, (a, b) => a() === b()], "!==": [4, (a, b) => a() !== b()],
    "==": [4, (a, b) => a() == b()], "!=": [4, (a, b) => a() != b()], // eslint-disable-line eqeqeq
    "<": [5, (a, b) => a() < b()], ">": [5, (a, b) => a() > b()], "<=": [5, (a, b) => a() <= b()], ">=": [5, (a, b) => a() >= b()],
    "+": [6, (a, b) => a() + b()], "-": [6, (a, b) => a() - b()],
    "*": [7, (a, b) => a() * b()], "/": [7, (a, b) => a() / b()], "%": [7, (a, b) => a() % b()],
  };

  function open(name) {
    if (CLOSED.has(String(name))) throw new TypeError(`${String(name)} is not open to expressions`);
    return name;
  }

  class Name {
    constructor(name) { this.name = open(name); }
    read(scope) {
      if (this.name in scope) return scope[this.name];
      if (Object.hasOwn(GLOBALS, this.name)) return GLOBALS[this.name];
      if (FUNCTIONS.has(this.name)) return window[this.name];
      throw new ReferenceError(`${this.name} is not defined`);
    }
    write(scope, value) { scope[this.name] = value; return value; }
    owner(scope) { return scope; }
  }

  class Member {
    constructor(object, key, optional) { Object.assign(this, { object, key, optional }); }
    read(scope) { return this.of(this.object.read(scope), scope); }
    of(object, scope) {
      if (this.optional && (object === null || object === undefined)) return undefined;
      return object[open(this.key(scope))];
    }
    write(scope, value) { this.object.read(scope)[open(this.key(scope))] = value; return value; }
  }

  class Call {
    constructor(called, given, optional) { Object.assign(this, { called, given, optional }); }
    read(scope) {
      const member = this.called instanceof Member;
      const owner = member ? this.called.object.read(scope) : scope;
      const called = member ? this.called.of(owner, scope) : this.called.read(scope);
      if ((called === undefined || called === null) && (this.optional || (member && this.called.optional))) return undefined;
      return called.apply(owner, this.given.map((one) => one.read(scope)));
    }
  }

  const made = (read) => ({ read });

  class Parser {
    constructor(text) { this.tokens = tokens(text); this.at = 0; }
    is(value) { const next = this.tokens[this.at]; return next?.kind === "operator" && next.value === value; }
    take(value) { if (!this.is(value)) return false; this.at += 1; return true; }
    need(value) { if (!this.take(value)) throw new SyntaxError(`"${value}" is missing`); }

    program(end) {
      const parts = [];
      while (this.at < this.tokens.length && !(end && this.is(end))) {
        if (this.take(";")) continue;
        parts.push(this.statement());
      }
      return made((scope) => parts.reduce((_, part) => part.read(scope), undefined));
    }

    statement() {
      const next = this.tokens[this.at];
      if (next.kind !== "word" || next.value !== "if") return this.expression();
      this.at += 1;
      this.need("(");
      const condition = this.expression();
      this.need(")");
      const yes = this.block();
      const other = this.tokens[this.at];
      let no = made(() => undefined);
      if (other?.kind === "word" && other.value === "else") { this.at += 1; no = this.block(); }
      return made((scope) => { (condition.read(scope) ? yes : no).read(scope); });
    }

    block() {
      if (!this.take("{")) return this.statement();
      const inside = this.program("}");
      this.need("}");
      return inside;
    }

    expression() {
      const left = this.choice();
      for (const operator of ["=", "+=", "-=", "&&=", "||=", "??="]) {
        if (!this.is(operator)) continue;
        if (!left.write) throw new SyntaxError("Only a name can be given a value");
        this.at += 1;
        const right = this.expression();
        if (operator === "=") return made((scope) => left.write(scope, right.read(scope)));
        const combine = BINARY[operator.slice(0, -1)][1];
        return made((scope) => left.write(scope, combine(() => left.read(scope), () => right.read(scope))));
      }
      return left;
    }

    choice() {
      const condition = this.binary(0);
      if (!this.take("?")) return condition;
      const yes = this.expression();
      this.need(":");
      const no = this.expression();
      return made((scope) => (condition.read(scope) ? yes : no).read(scope));
    }

    binary(least) {
      let left = this.unary();
      for (;;) {
        const next = this.tokens[this.at];
        const [strength, combine] = (next?.kind === "operator" && BINARY[next.value]) || [];
        if (!strength || strength <= least) return left;
        this.at += 1;
        const before = left;
        const after = this.binary(strength);
        left = made((scope) => combine(() => before.read(scope), () => after.read(scope)));
      }
    }

    unary() {
      if (this.take("!")) { const one = this.unary(); return made((scope) => !one.read(scope)); }
      if (this.take("-")) { const one = this.unary(); return made((scope) => -one.read(scope)); }
      if (this.take("+")) { const one = this.unary(); return made((scope) => +one.read(scope)); }
      const one = this.postfix();
      for (const [operator, step] of [["++", 1], ["--", -1]]) {
        if (one.write && this.take(operator)) {
          return made((scope) => { const before = one.read(scope); one.write(scope, before + step); return before; });
        }
      }
      return one;
    }

    postfix() {
      let one = this.primary();
      for (;;) {
        const optional = this.take("?.");
        if (this.take("(")) one = new Call(one, this.list(")"), optional);
        else if (this.take("[")) { const key = this.expression(); this.need("]"); one = new Member(one, (scope) => key.read(scope), optional); }
        else if (optional || this.take(".")) {
          const name = this.tokens[this.at++];
          if (name?.kind !== "word") throw new SyntaxError("A name is missing");
          one = new Member(one, () => name.value, optional);
        } else return one;
      }
    }

    list(end) {
      const found = [];
      while (!this.take(end)) {
        found.push(this.expression());
        if (!this.is(end)) this.need(",");
      }
      return found;
    }

    primary() {
      const next = this.tokens[this.at++];
      if (!next) throw new SyntaxError("It ends too early");
      if (next.kind === "number" || next.kind === "text") return made(() => next.value);
      if (next.kind === "template") return template(next.value);
      if (next.kind === "word") return WORDS.has(next.value) ? made(() => WORDS.get(next.value)) : new Name(next.value);
      if (next.value === "(") { const inside = this.expression(); this.need(")"); return made((scope) => inside.read(scope)); }
      if (next.value === "[") { const parts = this.list("]"); return made((scope) => parts.map((one) => one.read(scope))); }
      if (next.value === "{") return this.object();
      throw new SyntaxError(`"${next.value}" is not expected`);
    }

    object() {
      const parts = [];
      while (!this.take("}")) {
        const key = this.tokens[this.at++];
        if (!key || key.kind === "operator" || key.kind === "template") throw new SyntaxError("A key is missing");
        parts.push([open(key.value), this.take(":") ? this.expression() : new Name(key.value)]);
        if (!this.is("}")) this.need(",");
      }
      return made((scope) => Object.fromEntries(parts.map(([key, one]) => [key, one.read(scope)])));
    }
  }

  function template(text) {
    const parts = text.split(/\$\{([^}]*)\}/).map((part, at) => (at % 2 ? parse(part) : made(() => part)));
    return made((scope) => parts.map((part) => part.read(scope)).join(""));
  }

  const parsed = new Map();
  function parse(text) {
    if (!parsed.has(text)) parsed.set(text, new Parser(text).program());
    return parsed.get(text);
  }

  // ---- in the place of Alpine's own evaluators ---------------------------------------------------------------------------

  function told(element, expression, action) {
    try {
      return action();
    } catch (error) {
      console.error(`The expression "${expression}" failed: ${error.message}`, element);
      return undefined;
    }
  }

  function scopes(element) {
    const magics = {};
    window.Alpine.injectMagics(magics, element);
    return [magics, ...window.Alpine.closestDataStack(element)];
  }

  function result(element, expression, stack, { scope = {}, params = [] } = {}) {
    const whole = window.Alpine.mergeProxies([scope, ...stack]);
    const called = typeof expression === "function";
    const value = called ? expression.apply(whole, params) : parse(expression).read(whole);
    // A function's name stands for its call, as in x-on:click="close".
    return typeof value === "function" ? value.apply(whole, params) : value;
  }

  document.addEventListener("alpine:init", () => {
    window.Alpine.setEvaluator((element, expression) => {
      const stack = scopes(element);
      return (receive = () => {}, given = {}) => told(element, expression, () => {
        const value = result(element, expression, stack, given);
        if (value instanceof Promise) value.then(receive);
        else receive(value);
      });
    });
    window.Alpine.setRawEvaluator((element, expression, given = {}) => result(element, expression, scopes(element), given));
  });

  // A style attribute that a script writes as text is inline style; the same declarations as properties are not.
  const setAttribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (String(name).toLowerCase() === "style" && this.style) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
})();
