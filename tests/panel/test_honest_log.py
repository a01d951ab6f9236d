"""No page shows a log, a name or a reason that acts on the reader's screen; downloads and REST keep the bytes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.urls import reverse

from executors.agent.terraform.commands import FirstError
from executors.choices import AttemptOutcome
from executors.logs import store
from executors.logs.readable_text import readable_log
from executors.models import Attempt
from executors.runs import log_views, views
from tests.api.client import Api, token_of
from tests.factories import PLAN_APPROVE_APPLY, TeamFactory, UserFactory
from tests.panel.test_job_page import claim, finish, launch, live, page, start
from workspaces.jobs import transitions
from workspaces.models import Job, SavedPlan, StateVersion, Workspace
from workspaces.reasons import told

pytestmark = pytest.mark.django_db(transaction=True)
ERASED = "\x1b[2J\x1b[H\x1b[3J"
LIE = "No changes. Your infrastructure matches the configuration."
LOG = (
    f"\x1b[1m  # terraform_data.a\x1b[0m will be created\nPlan: 1 to add, 0 to change, 0 to destroy.\n"
    f"│ {ERASED}{LIE}\n│ \x1b]0;title\x07\x1b[8mhidden\u202e caf\u00e9\n10%\r100%\nends \x1b[3"
).encode()
RULE = "\u2500" * 40
ADDRESS = 'thing.one["\u202e\x1b[2J"]'
PLAN = {
    "resource_changes": [
        {"address": ADDRESS, "change": {"actions": ["create"], "after": {"note": f"a{ERASED}b"}}},
        {"address": "thing.two", "change": {"actions": ["delete"], "before": {"note": "x"}}},
        {"address": "thing.three", "change": {"actions": ["forget"], "before": {"note": "x"}}},
    ],
    "output_changes": {"said": {"actions": ["create"], "before": None, "after": "out\u2066put"}},
}


@pytest.fixture
def attempt(workspace: Workspace) -> Attempt:
    found = launch(start(workspace, PLAN_APPROVE_APPLY))
    claim(found)
    found.refresh_from_db()
    return found


@pytest.fixture
def person() -> User:
    return UserFactory.create(is_staff=True, is_superuser=True)


def address(attempt: Attempt, view: str) -> str:
    return reverse(f"runs:{view}", args=[attempt.step.job_id, attempt.step_id])


async def fetched(user: User, path: str, **query: str) -> bytes:
    client = AsyncClient()
    await client.aforce_login(user)
    response = await client.get(path, query)
    assert response.status_code == 200
    body: AsyncIterator[bytes] = response.streaming_content  # type: ignore[attr-defined]
    return b"".join([part async for part in body])


def events(stream: bytes) -> list[tuple[int, bytes]]:
    """The offset and the text of each event of a live log."""
    found = []
    for event in stream.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.splitlines() if ": " in line)
        if "id" in fields:
            found.append((int(fields["id"]), base64.b64decode(fields["data"])))
    return found


def asked(client: Client, attempt: Attempt) -> bytes:
    """The whole log as a page gets it that asks again and again."""
    text, offset = b"", 0
    while True:
        answer = client.get(address(attempt, "log"), {"offset": offset})
        end = int(answer["X-Log-End"])
        assert int(answer["X-Log-Size"]) >= end >= offset
        text, offset, before = text + answer.content, end, offset
        if offset == before:
            return text


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_log_that_came_in_pieces_is_shown_as_one_and_counted_by_its_bytes(
    size: int, attempt: Attempt, admin: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start_at in range(0, len(LOG), size):
        store.append_log(attempt, start_at, LOG[start_at : start_at + size])
    whole = readable_log(LOG, final=True).text.encode()
    # While more may come, what is unfinished waits.
    unfinished = b"\x1b[3"
    assert asked(admin, attempt) == readable_log(LOG.removesuffix(unfinished), final=True).text.encode()
    answer = admin.get(address(attempt, "log"), {"offset": len(LOG) - len(unfinished)})
    assert (answer.content, int(answer["X-Log-End"])) == (b"", len(LOG) - len(unfinished))

    finish(attempt)
    assert asked(admin, attempt) == whole
    monkeypatch.setattr(log_views, "LOG_BYTES", 11)
    if size < 11:
        assert asked(admin, attempt) == whole
    came = events(asyncio.run(fetched(person, address(attempt, "events"))))
    assert b"".join(text for _, text in came) == whole
    assert came[-1][0] == len(LOG)
    # Whoever comes back goes on where the last event ended.
    for end, _ in came:
        rest = events(asyncio.run(fetched(person, address(attempt, "events"), offset=str(end))))
        assert b"".join(text for at, text in came if at <= end) + b"".join(text for _, text in rest) == whole


def test_a_reader_without_scripts_sees_all_of_it_and_a_download_keeps_the_bytes(
    attempt: Attempt, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_views, "LOG_BYTES", 16)
    for start_at in range(0, len(LOG), 5):
        store.append_log(attempt, start_at, LOG[start_at : start_at + 5])
    finish(attempt)
    path = address(attempt, "download")
    inline = asyncio.run(fetched(person, path, inline="1")).decode()
    assert inline == readable_log(LOG, final=True, colours=False).text
    assert "Plan: 1 to add" in inline
    assert f"␛[2J␛[H␛[3J{LIE}" in inline
    assert "10%␍100%" in inline
    assert "\x1b" not in inline
    assert asyncio.run(fetched(person, path)) == LOG
    assert asyncio.run(fetched(person, path, colors="1")) == LOG
    uncoloured = LOG.replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"").replace(b"\x1b[8m", b"")
    assert asyncio.run(fetched(person, path, colors="0")) == uncoloured
    job = attempt.step.job
    TeamFactory.create(organization=job.organization, name="READERS")
    rest = Api(token_of("READERS"), prefix="/tfoutput/v1/").get(
        f"organization/{job.organization_id}/job/{job.pk}/step/{attempt.step_id}"
    )
    assert b"".join(rest) == LOG


def plan_words(client: Client, attempt: Attempt, log: str) -> str:
    store.append_log(attempt, attempt.log_size, log.encode())
    return client.get(reverse("runs:plan", args=[attempt.step.job_id])).content.decode()


def test_the_plan_in_words_is_not_cut_off_by_what_a_script_or_a_message_says(attempt: Attempt, admin: Client) -> None:
    words = plan_words(
        admin,
        attempt,
        f"{LIE}\n{RULE}\nSaved the plan to: nothing\n"
        "Note: Objects have changed outside of Terraform\n\n"
        f"{RULE}\n\nTerraform will perform the following actions:\n\n  # thing.one will be created\n"
        f"      two \x1b]0;{ERASED}\n  # thing.two will be destroyed\n\nPlan: 1 to add, 0 to change, 1 to destroy.\n"
        f"\n{RULE}\n\nSaved the plan to: plan\n\nTo perform exactly these actions, …\n",
    )
    assert words.startswith(LIE)
    assert "thing.one will be created" in words
    assert "␛]0;␛[2J␛[H␛[3J" in words
    assert words.endswith("# thing.two will be destroyed\n\nPlan: 1 to add, 0 to change, 1 to destroy.\n")
    assert "To perform exactly" not in words


def test_of_a_long_log_the_page_says_that_only_its_end_was_read(
    attempt: Attempt, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PLAN_BYTES", 2**20)
    store.append_log(attempt, 0, b"x\n" * 2**18)
    attempt.refresh_from_db()
    words = plan_words(admin, attempt, "y" * (2**20 - 4096) + f"\n{LIE}\n")
    assert words == f"[The log is long: only its last 1 MiB were read.]\n\n{LIE}\n"


def planned(attempt: Attempt, plan: object) -> Job:
    """The job of a plan, which waits for approval."""
    if plan is not None:
        SavedPlan.objects.create(step=attempt.step, json=json.dumps(plan).encode())
    finish(attempt, changes=True, plan="https://site.example/plan")
    job = attempt.step.job
    transitions.advance(job.pk)
    job.refresh_from_db()
    return job


def test_whoever_approves_reads_what_the_plan_itself_says_whatever_the_log_says(
    attempt: Attempt, admin: Client
) -> None:
    store.append_log(attempt, 0, f"{ERASED}{LIE}\n".encode())
    job = planned(attempt, PLAN)
    for text in (page(admin, job), str(live(admin, job)["head"])):
        head = text[text.index('id="run-plan"') :]
        head = " ".join(head[: head.index("</p>")].split())
        for part in (
            "Changes in the plan:",
            "1 to add",
            "0 to change",
            "1 to destroy",
            "1 to forget",
            "1 output changes",
        ):
            assert part in head
    answer = admin.post(
        reverse("admin:workspaces_job_reject", args=[job.pk]), {"comment": "no\u202e\x1b[2J"}, follow=True
    )
    assert 'id="run-plan"' not in answer.content.decode()
    assert "no&lt;U+202E&gt;␛[2J" in answer.content.decode()


def test_an_approval_without_a_plan_in_json_says_so(attempt: Attempt, admin: Client) -> None:
    assert "only the log shows what would change" in page(admin, planned(attempt, None))


def test_names_and_values_of_a_plan_and_a_state_show_what_they_hold(attempt: Attempt, admin: Client) -> None:
    job = planned(attempt, PLAN)
    state = {"values": {"outputs": {"said": {"value": "a\u2028b\x1b]0;t\x07", "type": "string"}}}}
    StateVersion.objects.create(
        workspace=job.workspace, job=job, number=1, content=b"{}", json=json.dumps(state).encode()
    )
    Job.objects.filter(pk=job.pk).update(comments="good\u202e\x1b[8m", override_branch="ma\u200bin")
    text = page(admin, job)
    for part in (
        "thing.one[&quot;&lt;U+202E&gt;␛[2J&quot;]",
        "a␛[2J␛[H␛[3Jb",
        "out&lt;U+2066&gt;put",
        "a&lt;U+2028&gt;b␛]0;t␇",
        "good&lt;U+202E&gt;␛[8m",
        "ma&lt;U+200B&gt;in",
    ):
        assert part in text
    assert not any(character in text for character in "\x1b\x07\u202e\u2066\u2028\u200b")


def test_a_reason_made_of_output_shows_what_it_holds(attempt: Attempt, admin: Client) -> None:
    first = FirstError()
    first.feed(f"\x1b[31mError: \x1b[0m\x1b[1mbad {ERASED}\u202e thing\x1b[0m\n".encode())
    assert first.text == f"bad {ERASED}\u202e thing"
    finish(attempt, outcome=AttemptOutcome.FAILED, why=told("terraform", f"Error: {first.text}"))
    attempt.refresh_from_db()
    assert attempt.reason == "Error: bad ␛[2J␛[H␛[3J<U+202E> thing"
    text = page(admin, attempt.step.job)
    assert "Error: bad ␛[2J␛[H␛[3J&lt;U+202E&gt; thing" in text
    assert "\x1b" not in text
