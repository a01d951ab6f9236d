"""The comment of a pull request about one workspace: one text that is updated from the first job to the last. Pure.

Values come from the plan's JSON, of which ``workspaces.jobs.plans`` shows none that is sensitive; no log is quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vcs.providers.base import State
from vcs.reports.dialects import Dialect
from vcs.reports.facts import Facts
from vcs.reports.markdown import code, fence_of, fenced, link, one_line, shortened, tail
from vcs.reports.states import result_words, status_of
from workspaces.choices import FINAL_JOB, JobStatus
from workspaces.jobs.plans import Action, Attribute, Change, Plan

_MOST_ROWS = 50
_MARKS = {
    Action.DELETE: "-",
    Action.REPLACE: "!",
    Action.FORGET: "-",
    Action.FORGET_AND_CREATE: "!",
    Action.UPDATE: "!",
    Action.CREATE: "+",
    Action.MOVE: "#",
    Action.IMPORT: "#",
    Action.READ: "#",
}
_DESTROYING = frozenset({Action.DELETE, Action.REPLACE})
ICONS = {
    State.PENDING: "\N{HOURGLASS WITH FLOWING SAND}",
    State.RUNNING: "\N{HOURGLASS WITH FLOWING SAND}",
    State.SUCCESS: "\N{WHITE HEAVY CHECK MARK}",
    State.FAILURE: "\N{CROSS MARK}",
    State.CANCELLED: "\N{NO ENTRY SIGN}",
    State.ERROR: "\N{CROSS MARK}",
}
_SUMMARY = "<details><summary>Changes in detail</summary>\n\n"
_EARLIER = "<details><summary>Earlier results</summary>\n\n"
_SUMMARY_END = "\n\n</details>"
_LONGEST_RESULT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a comment says beside its job.

    ``lock`` is why the workspace is locked, as a sentence; ``may_apply``: whether a comment can apply this plan;
    ``outdated``: whether the pull request has a newer commit than the job's. ``earlier`` are older jobs of the pull
    request on the workspace, the newest first.
    """

    lock: str = ""
    may_apply: bool = False
    commands: bool = True
    outdated: bool = False
    earlier: Sequence[Facts] = ()


def marker(key: str, *, dialect: Dialect) -> str:
    """Return the hidden first line by which a comment is found again when its id is lost."""
    return f"<!-- terrakube-site:{key} -->" if dialect.html else f"[terrakube-site]: # ({key})"


def workspace_key(workspace_id: str) -> str:
    return f"workspace:{workspace_id}"


def comment_of(facts: Facts, *, dialect: Dialect, note: Note = Note()) -> str:
    """Return the text of a workspace's comment; it fits into what the provider takes."""
    parts = [
        marker(workspace_key(facts.workspace_id), dialect=dialect) + "\n" + _heading(facts),
        _line_of_job(facts, note),
        *_reason(facts),
        *_lock(note),
    ]
    if facts.plan is not None and facts.plan.changes:
        parts += [_destroyed(facts.plan), _table(facts.plan.changes)]
    parts.append(_earlier(note.earlier, dialect))
    footer = _footer(facts, note)
    shown = [part for part in parts if part]
    room = dialect.room - sum(len(part) + 2 for part in (*shown, footer))
    if facts.plan is not None and room > 0:
        shown.append(_details(facts, dialect, room))
    return "\n\n".join(part for part in (*shown, footer) if part) + "\n"


def moved_to_summary(workspace_id: str, workspace: str, *, dialect: Dialect) -> str:
    """Return the text of a workspace's comment whose place the comment of all workspaces has taken."""
    head = marker(workspace_key(workspace_id), dialect=dialect)
    return f"{head}\nThe results of {code(workspace)} are in the comment of all workspaces that this changes.\n"


def _heading(facts: Facts) -> str:
    what = "Apply" if facts.applied or _is_applying(facts) else "Plan"
    said = result_words(facts).removeprefix("Plan: ").removeprefix("Applied: ")
    icon = ICONS[status_of(facts).state]
    return f"### {icon} {what} of {code(facts.place)}" + (f": {said}" if said else "")


def _is_applying(facts: Facts) -> bool:
    """Whether a job with a plan has gone on from it, or has failed at that."""
    return facts.approved and facts.status not in {JobStatus.WAITING_APPROVAL, JobStatus.REJECTED}


def _line_of_job(facts: Facts, note: Note) -> str:
    parts = [link(f"Job {facts.number}", facts.url), _status(facts)]
    if facts.commit:
        parts.append(f"commit {code(facts.commit[:10])}" + (" (not the newest any more)" if note.outdated else ""))
    return " · ".join(parts)


def _status(facts: Facts) -> str:
    if facts.status == JobStatus.WAITING_APPROVAL:
        return "waiting for approval"
    if facts.status in FINAL_JOB:
        return "completed" if facts.status == JobStatus.NO_CHANGES else str(facts.status)
    return "running" if facts.started else "waiting"


def _reason(facts: Facts) -> list[str]:
    """Return the reason of a job that waits or has not succeeded.

    It may quote terraform or a person, so it stands in a block in which nothing acts.
    """
    ended_badly = facts.status in {JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED}
    waits = facts.status not in FINAL_JOB and not facts.started
    return [fenced(facts.why)] if facts.why and (ended_badly or waits) else []


def _lock(note: Note) -> list[str]:
    return [f"\N{LOCK} {one_line(note.lock)}"] if note.lock else []


def _destroyed(plan: Plan) -> str:
    """Return in words how many resources are lost, "" for none; what is replaced is destroyed as well."""
    found = [change.action for change in plan.changes]
    deleted, replaced = found.count(Action.DELETE), found.count(Action.REPLACE)
    parts = [f"{count} to {what}" for count, what in ((deleted, "delete"), (replaced, "replace")) if count]
    return f"**Destroys resources: {', '.join(parts)}.**" if parts else ""


def _table(changes: Sequence[Change]) -> str:
    """Return the changes as a table; they come with the most dangerous first, and so what is left out is the last."""
    rows = ["| change | resource |", "| --- | --- |"]
    for change in changes[:_MOST_ROWS]:
        moved = f" (was {code(change.moved_from, in_table=True)})" if change.moved_from else ""
        rows.append(f"| {_action(change.action)} | {code(change.address, in_table=True)}{moved} |")
    left = len(changes) - _MOST_ROWS
    if left > 0:
        rows.append(f"| | and {left} more |")
    return "\n".join(rows)


def _action(action: Action) -> str:
    name = action.value.capitalize()
    return f"**{name}**" if action in _DESTROYING else name


def details(plan: Plan) -> str:
    """Return a plan as lines of a diff: the harmless first, so that a cut at the top leaves what is destroyed."""
    lines: list[str] = []
    for change in reversed(plan.changes):
        lines += _diff(change)
    if plan.outputs:
        lines.append("# outputs")
        lines += [f"! {_attribute(row)}" for row in plan.outputs]
    return "\n".join(lines)


def _diff(change: Change) -> Iterable[str]:
    mark = _MARKS[change.action]
    yield f"{mark} {one_line(change.address)} ({change.action.value})"
    for row in change.attributes:
        yield f"{mark}     {_attribute(row)}"


def _attribute(row: Attribute) -> str:
    before, after = (None if text is None else _value(text) for text in (row.before, row.after))
    forces = " (forces replacement)" if row.forces_replacement else ""
    if before is None:
        return f"{row.path}: {after}{forces}"
    return f"{row.path}: {before}{forces}" if after is None else f"{row.path}: {before} -> {after}{forces}"


def _value(text: str) -> str:
    """Return a value on one line, so that none of it can look like another change."""
    return text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")


def _details(facts: Facts, dialect: Dialect, room: int) -> str:
    if facts.plan is None or not (facts.plan.changes or facts.plan.outputs):
        return ""
    before, after = (_SUMMARY, _SUMMARY_END) if dialect.html else ("", "")
    text = details(facts.plan)
    # The fence, its language and the sentence of what was left out need room themselves.
    most = room - len(before) - len(after) - 2 * len(fence_of(text)) - 120 - len(facts.plan_url or facts.url)
    if most <= 0:
        return ""
    shown, left = tail(text, most)
    if not shown:
        return ""
    cut = f"{left} lines are left out here: {link('the whole plan', facts.plan_url or facts.url)}.\n\n" if left else ""
    return f"{before}{cut}{fenced(shown, 'diff')}{after}"


def _earlier(jobs: Sequence[Facts], dialect: Dialect) -> str:
    """Return what older jobs came to, a line for each, folded where the provider can; "" for none."""
    lines = [
        " · ".join([link(f"Job {facts.number}", facts.url), f"commit {code(facts.commit[:10])}", _result(facts)])
        for facts in jobs
    ]
    if not lines:
        return ""
    text = "\n".join(f"- {line}" for line in lines)
    return f"{_EARLIER}{text}{_SUMMARY_END}" if dialect.html else f"Earlier results:\n\n{text}"


def _result(facts: Facts) -> str:
    said = status_of(facts)
    words = shortened(said.description, _LONGEST_RESULT)
    # Only what has ended well is in our own words.
    return f"{ICONS[said.state]} {words if said.state is State.SUCCESS else code(words)}"


def _footer(facts: Facts, note: Note) -> str:
    if not note.commands or facts.pull_request is None:
        return ""
    target = f" {facts.workspace}" if " " not in facts.workspace else ""
    plan_again = f"plan again: {code(f'terrakube plan{target}')}"
    lines = [plan_again]
    if note.may_apply:
        lines.insert(0, f"apply this plan: {code(f'terrakube apply{target}')}")
    if note.lock:
        lines.append(f"unlock: {code(f'terrakube unlock{target}')}")
    return "To " + "; to ".join(lines) + "."
