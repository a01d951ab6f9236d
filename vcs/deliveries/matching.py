"""Which event of a webhook a repository's event matches, by branch and by path. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext_noop as _

from terrakube_site.messages import Message, message
from vcs.choices import EventKind
from vcs.providers.base import Event
from workspaces.choices import PatternType, WebhookEventType
from workspaces.patterns import PatternError, Patterns, globs, regular_expressions

_TYPES: Mapping[EventKind, frozenset[WebhookEventType]] = {
    EventKind.PUSH: frozenset({WebhookEventType.PUSH}),
    EventKind.TAG: frozenset({WebhookEventType.TAG}),
    EventKind.RELEASE: frozenset({WebhookEventType.RELEASE}),
    EventKind.PULL_REQUEST: frozenset({WebhookEventType.PULL_REQUEST}),
    EventKind.COMMENT: frozenset({WebhookEventType.PULL_REQUEST}),
}
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One event of a webhook: what of a repository it is about. An empty branch or path is the default."""

    key: object
    type: str
    branch: str = ""
    branch_type: str = PatternType.REGEX
    path: str = ""
    path_type: str = PatternType.REGEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What of the repository a workspace is made from: its branch, and the folders that it uses.

    A folder has no slash at its ends; "" is the whole repository.
    """

    branch: str
    folders: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that matched, None for none; ``code`` and ``why`` say why none did."""

    rule: Rule | None = None
    code: str = ""
    why: Message = field(default_factory=lambda: message(""))


def types_of(kind: str, *, tags_are_releases: bool = False) -> frozenset[WebhookEventType]:
    """Return the types of rules that an event may match.

    With ``tags_are_releases`` the provider knows no releases, so a tag stands for one.
    """
    found = _TYPES.get(EventKind(kind), frozenset())
    return found | {WebhookEventType.RELEASE} if kind == EventKind.TAG and tags_are_releases else found


def match(
    event: Event, rules: Iterable[Rule], place: Place, *, tags_are_releases: bool = False, files_known: bool = True
) -> Match:
    """Return the first of the rules, which are in the order of their priority, whose branch and path match.

    Unknown files match every path. With ``files_known`` False they are not looked up yet, and a match by branch is
    enough.
    """
    types = types_of(event.kind, tags_are_releases=tags_are_releases)
    candidates = [rule for rule in rules if rule.type in types]
    if not candidates:
        return Match(None, "no-event", _no_event(event.kind))
    by_branch = [rule for rule in candidates if is_branch_matched(event, rule, place)]
    if not by_branch:
        return Match(None, "branch", _other_branch(event, candidates, place))
    for rule in by_branch:
        if not files_known or event.kind in {EventKind.TAG, EventKind.RELEASE, EventKind.COMMENT}:
            return Match(rule)
        if event.files is None or any(map(path_test(rule, place), event.files)):
            return Match(rule)
    return Match(None, "path", _other_path(by_branch, place))


def is_branch_matched(event: Event, rule: Rule, place: Place) -> bool:
    if not rule.branch:
        if event.kind in {EventKind.TAG, EventKind.RELEASE}:
            return True
        # Pull requests into the workspace's branch; a comment alone does not say where its pull request leads to.
        own = event.target_branch if event.kind in {EventKind.PULL_REQUEST, EventKind.COMMENT} else event.branch
        return own == place.branch or (event.kind == EventKind.COMMENT and not own)
    if event.kind == EventKind.COMMENT and not event.branch:
        return True
    return _patterns(rule.branch, rule.branch_type).matches(event.branch)


def path_test(rule: Rule, place: Place) -> _PathTest:
    """Return the test of a changed file's path."""
    return _PathTest(_patterns(rule.path, rule.path_type) if rule.path else None, place.folders)


@dataclass(frozen=True, slots=True)
class _PathTest:
    patterns: Patterns | None
    folders: Sequence[str]

    def __call__(self, path: str) -> bool:
        if self.patterns is not None:
            return self.patterns.matches(path)
        return any(not folder or path.startswith(f"{folder}/") for folder in self.folders)


def _patterns(text: str, kind: str) -> Patterns:
    try:
        return globs(text) if kind == PatternType.PATTERN else regular_expressions(text)
    except PatternError:
        # It was saved by an earlier version; it matches nothing, as when it could not be read there.
        return Patterns(())


# ---- why not --------------------------------------------------------------------------------------------------------

_NO_EVENT = {
    EventKind.PUSH: _("The webhook has no event for pushes."),
    EventKind.TAG: _("The webhook has no event for tags."),
    EventKind.RELEASE: _("The webhook has no event for releases."),
    EventKind.PULL_REQUEST: _("The webhook has no event for pull requests."),
    EventKind.COMMENT: _("The webhook has no event for pull requests."),
}


def _no_event(kind: str) -> Message:
    return message(_NO_EVENT[EventKind(kind)])


def _other_branch(event: Event, rules: Sequence[Rule], place: Place) -> Message:
    wanted = _listed(rule.branch or place.branch for rule in rules)
    if event.kind in {EventKind.TAG, EventKind.RELEASE}:
        return message(_("The tag {name} does not match {wanted}."), name=event.branch, wanted=wanted)
    name = event.branch
    if event.kind == EventKind.PULL_REQUEST and not any(rule.branch for rule in rules):
        sentence = _("The pull request targets {name}, but the workspace follows {wanted}.")
        return message(sentence, name=event.target_branch, wanted=wanted)
    return message(_("The branch {name} does not match {wanted}."), name=name, wanted=wanted)


def _other_path(rules: Sequence[Rule], place: Place) -> Message:
    if any(not rule.path for rule in rules):
        return message(_("No file below {folders} changed."), folders=_listed(place.folders))
    return message(_("No changed file matches {wanted}."), wanted=_listed(rule.path for rule in rules))


def _listed(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(name or "/" for name in names))
    more = f" +{len(found) - _MOST_SHOWN}" if len(found) > _MOST_SHOWN else ""
    return ", ".join(found[:_MOST_SHOWN]) + more
