// Django's scripts take their words from a catalogue that each page loads. Until it arrives (on a busy machine, or as
// the session ends) they find these English words in its place; the catalogue replaces them.
(() => {
  "use strict";
  const FORMATS = {
    DATE_INPUT_FORMATS: ["%Y-%m-%d"],
    TIME_INPUT_FORMATS: ["%H:%M:%S", "%H:%M"],
    DATETIME_INPUT_FORMATS: ["%Y-%m-%d %H:%M:%S"],
    FIRST_DAY_OF_WEEK: 1,
  };
  const words = {
    gettext: (text) => text,
    gettext_noop: (text) => text,
    pgettext: (_context, text) => text,
    ngettext: (one, many, number) => (number === 1 ? one : many),
    npgettext: (_context, one, many, number) => (number === 1 ? one : many),
    pluralidx: (number) => (number === 1 ? 0 : 1),
    interpolate: (
      format,
      values,
      named,
    ) => (named
      ? format.replace(/%\((\w+)\)s/g, (_whole, name) => String(values[name]))
      : format.replace(/%s/g, () => String(values.shift()))),
    get_format: (name) => FORMATS[name] ?? name,
  };
  for (const [name, word] of Object.entries(words)) window[name] ??= word;
})();
