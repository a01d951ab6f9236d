"""A pull request that touches many workspaces has one comment for all of them."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from tests.vcs.fake_api import Asked, FakeApi, Told
from tests.vcs.pulls import HEAD, NEWER, NUMBER, connection, record_of, rule_of, workspace_of
from vcs.models import Report, ReportKind
from vcs.providers.base import State
from vcs.pull_requests.jobs import create_plan, start_plan
from vcs.pull_requests.records import note_concerned
from vcs.reports import outbox, sending
from vcs.reports.dialects import BITBUCKET, GITHUB, Dialect
from vcs.reports.summary import Row, summary_of
from workspaces.jobs import transitions
from workspaces.models import Job, SavedPlan, WebhookEvent, Workspace
from workspaces.reasons import reason

K = ReportKind
COMMENTS = f"/api/repos/acme/net/issues/{NUMBER}/comments"
URL = "https://site.example/pull/7"


def row(name: str, state: State = State.SUCCESS, words: str = "No changes", destroys: int = 0) -> Row:
    url = f"https://site.example/{name}"
    return Row(workspace=name, state=state, words=words, destroys=destroys, url=url, commit=HEAD)


def text_of(rows: list[Row], dialect: Dialect = GITHUB, **more: bool) -> str:
    return summary_of(rows, commit=HEAD, url=URL, dialect=dialect, **more)


def test_what_failed_or_destroys_comes_first() -> None:
    text = text_of(
        [
            row("a"),
            row("b", State.RUNNING, "Running"),
            row("c", words="Plan: 0 to add, 0 to change, 2 to destroy", destroys=2),
            row("d", State.FAILURE, "Plan: Error: @all `x` | y"),
        ]
    )
    lines = text.splitlines()
    assert lines[1].endswith("4 workspaces: 1 failed, 1 running, 2 succeeded")
    assert "**1 of them destroy resources.**" in lines
    table = [line.split(" | ")[1] for line in lines if line.startswith("| ") and "](" in line]
    assert table == [f"[`{name}`](https://site.example/{name})" for name in "dcab"]
    assert "| ``Plan: Error: @all `x` \\| y`` |" in text
    assert "| **Plan: 0 to add, 0 to change, 2 to destroy** |" in text
    assert "terrakube apply WORKSPACE" in text
    assert "terrakube apply" not in text_of([row("a")], commands=False)


@pytest.mark.parametrize("dialect", [GITHUB, BITBUCKET], ids=["github", "bitbucket"])
def test_it_fits_and_says_how_many_are_left_out(dialect: Dialect) -> None:
    rows = [row(f"workspace-{number:04}-{'x' * 100}", State.FAILURE, "no " * 100) for number in range(400)]
    text = text_of(rows, dialect)
    assert dialect.room - 1000 < len(text) <= dialect.room
    shown = text.count("workspace-") // 2
    assert f"[and {400 - shown} more]({URL})" in text


@pytest.mark.django_db
class TestOfManyWorkspaces:
    @pytest.fixture(autouse=True)
    def _place(self, api: FakeApi) -> None:
        self.api, self.numbers = api, iter(range(5, 100))
        self.vcs = connection(endpoint=api.url, api_url=f"{api.url}/api")
        self.pairs: list[tuple[Workspace, WebhookEvent]] = []
        api.answers = {
            f"GET {COMMENTS}": Told(200, []),
            f"POST {COMMENTS}": lambda asked: Told(201, {"id": next(self.numbers)}),
            **{f"POST /api/repos/acme/net/statuses/{commit}": Told(201, {"id": 1}) for commit in (HEAD, NEWER)},
            **{f"PATCH /api/repos/acme/net/issues/comments/{number}": Told(200, {}) for number in range(5, 100)},
        }

    def add(self, *names: str) -> None:
        for name in names:
            workspace = workspace_of(self.vcs, name)
            self.pairs.append((workspace, rule_of(workspace)))

    def push(self, commit: str = HEAD) -> list[Job]:
        """Start a job on each workspace, as for a delivery."""
        record = record_of(self.vcs, commit=commit)
        for workspace, rule in self.pairs:
            note_concerned(record, workspace, rule)
        return [create_plan(record, workspace, rule, by=None) for workspace, rule in self.pairs]

    def send(self) -> list[tuple[str, str]]:
        """Send all that is due; return the comments that were written, each with the call that did."""
        before = len(self.api.asked)
        Report.objects.update(sent_at=None)
        due = Report.objects.filter(due_at__lte=timezone.now())
        for key in due.order_by("pk").values_list("pk", flat=True):
            sending.send_report(key)
        return [(one.line, text) for one in self.api.asked[before:] if (text := self.comment(one))]

    def comment(self, asked: Asked) -> str:
        return str((asked.body or {}).get("body", "")) if "comments" in asked.path else ""

    def test_ten_have_a_comment_each(self) -> None:
        self.add(*(f"w{number}" for number in range(10)))
        self.push()
        assert [line for line, _text in self.send()] == [f"POST {COMMENTS}"] * 10
        assert not Report.objects.filter(kind=K.SUMMARY).exists()

    def test_more_have_one_that_follows_their_jobs(self) -> None:
        self.add(*(f"w{number}" for number in range(12)))
        jobs = self.push()
        [(line, text)] = self.send()
        assert line == f"POST {COMMENTS}"
        assert "12 workspaces: 12 waiting" in text
        assert not Report.objects.filter(kind=K.COMMENT).exists()

        for job, outcome in (
            (jobs[0], transitions.Outcome(succeeded=True, changes=True)),
            (jobs[1], transitions.Outcome(succeeded=False, why=reason("quota", words="cpu"))),
        ):
            step = transitions.advance(job.pk)
            assert step is not None
            transitions.start_step(step)
            if outcome.succeeded:
                SavedPlan.objects.create(step_id=step, json=json.dumps(PLAN).encode())
            assert transitions.finish_step(step, outcome)
            transitions.advance(job.pk)
        [(line, text)] = self.send()
        assert line == "PATCH /api/repos/acme/net/issues/comments/5"
        assert "12 workspaces: 1 failed, 10 waiting, 1 succeeded" in text
        assert "| `Plan: The quota of the namespace is used up: cpu` |" in text
        assert "| **Plan: 0 to add, 0 to change, 1 to destroy** |" in text
        assert self.send() == []

        # What the first came to is kept, so its plan is not read again for a change of another.
        SavedPlan.objects.all().delete()
        assert transitions.advance(jobs[2].pk) is not None
        [(_line, text)] = self.send()
        assert "1 to destroy" in text
        assert "1 running" in text

        self.push(NEWER)
        [(_line, text)] = self.send()
        assert "12 workspaces: 12 waiting" in text

    def test_comments_of_before_refer_to_it(self) -> None:
        self.add("first")
        self.push()
        assert [line for line, _text in self.send()] == [f"POST {COMMENTS}"]
        self.add(*(f"w{number}" for number in range(10)))
        self.push(NEWER)
        texts = dict(self.send())
        old = texts.pop("PATCH /api/repos/acme/net/issues/comments/5")
        assert "The results of `first` are in the comment of all workspaces" in old
        [(line, text)] = texts.items()
        assert line == f"POST {COMMENTS}"
        assert "11 workspaces: 11 waiting" in text

    def test_a_refusal_is_shown_by_the_jobs(self) -> None:
        self.add(*(f"w{number}" for number in range(11)))
        jobs = self.push()
        self.api.answers[f"GET {COMMENTS}"] = Told(403, {"message": "no access"})
        self.send()
        jobs[3].refresh_from_db()
        assert "no access" in (jobs[3].pr_comment_error or "")
        self.api.answers[f"GET {COMMENTS}"] = Told(200, [])
        outbox.send_again(Report.objects.get(kind=K.SUMMARY))
        self.send()
        jobs[3].refresh_from_db()
        assert jobs[3].pr_comment_error is None

    def test_earlier_results_are_folded_into_the_comment_of_one(self) -> None:
        self.add("net")
        [job] = self.push()
        self.send()
        [(workspace, rule)] = self.pairs
        start_plan(record_of(self.vcs, commit=NEWER), workspace, rule, by=None)
        [(_line, text)] = self.send()
        folded = text[text.index("<details><summary>Earlier results</summary>") :]
        assert f"[Job {job.pk}](" in folded
        assert f"commit `{HEAD[:10]}`" in folded
        assert "Cancelled" in folded


PLAN = {"resource_changes": [{"address": "net.a", "change": {"actions": ["delete"], "before": {}, "after": None}}]}
