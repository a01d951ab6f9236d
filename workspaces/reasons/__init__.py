"""Why something waits or ended: a code of one table with its words, made into a sentence when it is shown.

The codes are stable and few: metrics have them as labels, and clients read them as ``reasonCode``. Records keep a code
and its words, among which another reason may be. ``table`` has the sentence of each code and what to do about it,
``forms`` the other sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from terrakube_site.messages import Message, from_json, message, translated
from terrakube_site.visible import visible
from workspaces.reasons.forms import FORMS
from workspaces.reasons.table import ROWS
from workspaces.truncation import fitting

OTHER = "executor-said"
"""The code for an executor's own code that the table does not have."""
_LONGEST_WORD = 1024
_ADVISED = "advised"
_TOLD = "told"
_FORM = "form"
"""The name in stored words under which the form stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the table says of a code. ``may_retry`` False: another pod, made the same way, would end the same way."""

    code: str
    sentence: str
    advice: str = ""
    may_retry: bool = True


REASONS: Mapping[str, Row] = {
    code: Row(code=code, sentence=sentence, advice=advice, may_retry=not stays)
    for code, sentence, advice, stays in ROWS
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A code with the words of its sentence. ``form`` names another sentence than the code's own.

    Build one with ``reason``, ``framed`` or ``told``. A code may be empty: of what a person decided, for example.
    """

    code: str
    words: Mapping[str, Any] = field(default_factory=dict)
    form: str = ""

    @property
    def sentence(self) -> Message:
        """The sentence, without what to do."""
        words = _rendered(self.words)
        inner = self.words.get("reason")
        if isinstance(inner, Reason):
            words["advice"] = inner.advice
        return message(FORMS[self.form] if self.form else REASONS[self.code].sentence, **words)

    @property
    def advice(self) -> Message:
        """What to do about it; empty where there is nothing to add."""
        inner = self.words.get("reason")
        if isinstance(inner, Reason):
            return message("") if self.form == _ADVISED else inner.advice
        row = REASONS.get(self.code)
        # The words of another form are not those of the code's own sentence, and other programs say all there is.
        known = row is not None and self.form != _TOLD and not (self.form and "{" in row.advice)
        return message(row.advice if row is not None and known else "", **_rendered(self.words))

    @property
    def may_retry(self) -> bool:
        row = REASONS.get(self.code)
        return row is None or row.may_retry

    def with_advice(self) -> Reason:
        """This reason as one whose sentence also says what to do."""
        return framed(_ADVISED, self) if self.advice else self

    def masked(self, mask: Callable[[str], str]) -> Reason:
        """This reason with its words from elsewhere changed, so that they hold no secret."""
        return replace(self, words={name: _masked(word, mask) for name, word in self.words.items()})

    def __str__(self) -> str:
        return str(self.sentence)

    def as_words(self) -> dict[str, Any]:
        """The words as a record keeps them."""
        words = {name: _stored(word) for name, word in sorted(self.words.items())}
        return {_FORM: self.form, **words} if self.form else words

    @property
    def columns(self) -> dict[str, Any]:
        """The values of a record's columns, which cut off what does not fit.

        ``reason`` has the English sentence too: filters of REST, the panel's search and the version before read it.
        """
        return {
            "reason_code": self.code,
            "reason_words": None if self == NONE else self.as_words(),
            "reason": str(self),
        }


NONE = Reason("", {"text": ""}, _TOLD)
"""Nothing to say."""


def reason(code: str, form: str = "", /, **words: object) -> Reason:
    """Return the reason of a code. Raises KeyError for an unknown code or a word that is missing."""
    given = {name: word if isinstance(word, str | int | Reason) else str(word) for name, word in words.items()}
    found = Reason(code, given, form)
    str(found), str(found.advice)
    return found


def framed(form: str, inner: Reason, **words: object) -> Reason:
    """Return a reason that says more around another one, whose code it has."""
    return reason(inner.code, form, reason=inner, **words)


def of_step(name: str, why: Reason) -> Reason:
    """Return the reason of a job that ends with a step of it."""
    return framed("of-step", why, step=name) if str(why) else reason(why.code, "step-failed", step=name)


def told(code: str, text: str) -> Reason:
    """Return a reason in words from elsewhere: terraform's error, a comment, a sentence that was stored before."""
    return Reason(code, {"text": text}, _TOLD)


def stored(code: str, words: Mapping[str, Any] | None, text: str) -> Reason:
    """Return the reason that a record keeps; ``words`` None: it was written before words were kept, as ``text``."""
    if words is None:
        return told(code, text)
    try:
        given = {name: _loaded(word) for name, word in words.items() if name != _FORM}
        return reason(code, words.get(_FORM, ""), **given)
    except (KeyError, TypeError, ValueError):
        # A later version wrote it, with a sentence that this one does not have.
        return told(code, text)


def in_language(said: object) -> str:
    """Return a reason, or another text of the code, as a page shows it: in the active language, fit to be read."""
    text = said.sentence if isinstance(said, Reason) else said if isinstance(said, str) else str(said or "")
    return visible(translated(text))


def bounded(code: str) -> str:
    """Return a code of the table: an executor's code, which may be anything, or ``OTHER``."""
    return code if code in REASONS or not code else OTHER


def advice_for(why: Reason) -> Message:
    """Return what to do about a reason; empty where nothing is to add to what its sentence says."""
    row = REASONS.get(why.code)
    if row is None or "{" in row.advice or row.advice.rstrip(".") in str(why):
        return message("")
    return message(row.advice)


def as_markdown(codes: Iterable[str] = tuple(REASONS)) -> str:
    """Return the table for the documentation."""
    rows = ["| code | what it says | what to do |", "| --- | --- | --- |"]
    for code in codes:
        row = REASONS[code]
        cells = (f"`{code}`", row.sentence or "the words of the executor or cluster", row.advice)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _rendered(words: Mapping[str, Any]) -> dict[str, Any]:
    return {name: word.sentence if isinstance(word, Reason) else word for name, word in words.items()}


def _masked(word: object, mask: Callable[[str], str]) -> object:
    if isinstance(word, Reason):
        return word.masked(mask)
    if isinstance(word, Message):
        return Message(word.format_text, {name: _masked(value, mask) for name, value in word.values.items()})
    return mask(word) if isinstance(word, str) else word


def _stored(word: object) -> object:
    if isinstance(word, Reason):
        return {"code": word.code, "words": word.as_words()}
    if isinstance(word, Message):
        return {"format": word.format_text, "values": {name: _stored(value) for name, value in word.values.items()}}
    return word if isinstance(word, int | float) else fitting(str(word), _LONGEST_WORD)


def _loaded(word: Any) -> Any:
    if not isinstance(word, dict):
        return word
    return stored(word["code"], word["words"], "") if "code" in word else from_json(word)
