"""terraform and tofu at a terminal, with the blocks ``cloud`` and ``backend "remote"``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from tests.api.client import token_of
from tests.factories import TeamFactory
from tests.spine.waiting import await_that
from tests.tfe.live.terminal import CLOUD, REMOTE, Dialogue, Terminal
from tests.tfe.tls import TlsSite
from workspaces.choices import IacType, JobStatus
from workspaces.models import Job, Organization, StateVersion, Workspace
from workspaces.services.jobs import approve_job
from workspaces.services.locks import lock_workspace
from workspaces.services.organizations import create_organization
from workspaces.services.state import current_state
from workspaces.services.workspaces import update_workspace

pytestmark = pytest.mark.slow

TERRAFORM, TOFU = IacType.TERRAFORM, IacType.TOFU
PROGRAMS = (TERRAFORM, TOFU)
BY_CLOUD = [(program, CLOUD) for program in PROGRAMS]
CLIENTS = [*BY_CLOUD, *((program, REMOTE) for program in PROGRAMS)]
ADMINISTRATORS = "TERRAKUBE_ADMIN"
MAIN = """\
variable "word" {
  default = "one"
}

resource "terraform_data" "first" {
  input = var.word
}

resource "terraform_data" "second" {
  input = "always"
}

output "word" {
  value = terraform_data.first.output
}
"""
SLOW = """\
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo it has begun; sleep 300"
  }
}
"""

type Opening = Callable[..., Terminal]


def by_clients(*, everyday: Sequence[tuple[IacType, str]]) -> pytest.MarkDecorator:
    """Try a test by each program with each block; the whole test run tries those of ``everyday`` alone."""
    return pytest.mark.parametrize(
        ("program", "block"),
        [
            pytest.param(
                *client,
                id=f"{client[0]}-{'cloud' if client[1] == CLOUD else 'remote'}",
                marks=[pytest.mark.clients, *([pytest.mark.everyday] if client in everyday else [])],
            )
            for client in CLIENTS
        ],
    )


@pytest.fixture(scope="module")
def organization(running_site: TlsSite) -> Organization:
    return create_organization(by=None, name="acme")


@pytest.fixture
def open_terminal(running_site: TlsSite, organization: Organization, tmp_path: Path) -> Opening:
    """Open a terminal in a folder of its own whose configuration belongs to a workspace that does not exist yet."""

    def opened(
        program: IacType = IacType.TERRAFORM,
        *,
        groups: tuple[str, ...] = (ADMINISTRATORS,),
        name: str = "",
        block: str = CLOUD,
        main: str = MAIN,
    ) -> Terminal:
        folder = tmp_path / uuid4().hex[:8]
        folder.mkdir()
        home = running_site.home(folder, token=token_of(*groups))
        terminal = Terminal(running_site, program, folder, home)
        terminal.connect(organization.name, f'name = "{name or new_name()}"', block)
        terminal.write("main.tf", main)
        return terminal

    return opened


@pytest.fixture
def begin() -> Iterator[Callable[..., Dialogue]]:
    """Start commands that the test talks to; those that go on are ended after it."""
    started: list[Dialogue] = []

    def start(terminal: Terminal, *arguments: str) -> Dialogue:
        started.append(terminal.start(*arguments))
        return started[-1]

    yield start
    for dialogue in started:
        dialogue.close()


def new_name() -> str:
    return f"network-{uuid4().hex[:8]}"


def begun(terminal: Terminal, name: str = "") -> None:
    """Run ``init``, which makes the workspace."""
    terminal.run("init", "-no-color")
    if terminal.program == IacType.TOFU and name:
        # A development build of tofu, as a distribution may have it, asks for a version that nobody else has.
        update_workspace(workspace_named(name), {"terraform_version": "~1.12.0"}, by=None)


def addresses(workspace: Workspace) -> set[str]:
    """The resources of the workspace's current state."""
    state = current_state(workspace)
    assert state is not None
    return {f"{one['type']}.{one['name']}" for one in json.loads(bytes(state.content or b"{}"))["resources"]}


def word(terminal: Terminal, block: str, value: str) -> tuple[str, ...]:
    """Return the arguments that set the variable; the backend ``remote`` takes none, and uploads a file with it."""
    if block == CLOUD:
        return "-var", f"word={value}"
    terminal.write("word.auto.tfvars", f'word = "{value}"\n')
    return ()


def workspace_named(name: str) -> Workspace:
    found: Workspace = Workspace.objects.alive().get(name=name)
    return found


def newest_job(workspace: Workspace) -> Job:
    found: Job = Job.objects.filter(workspace=workspace).latest("pk")
    return found


def job_that_waits(workspace: Workspace) -> Job:
    found = await_that(lambda: workspace.jobs.filter(status=JobStatus.WAITING_APPROVAL).first(), "a job waits")
    assert isinstance(found, Job)
    return found


@by_clients(everyday=CLIENTS)
def test_a_configuration_is_applied_and_destroyed(program: IacType, block: str, open_terminal: Opening) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name, block=block)
    begun(terminal, name)
    workspace = workspace_named(name)
    assert workspace.iac_type == program
    applied = terminal.run("apply", "-no-color", text="yes\n")
    assert "Plan: 2 to add" in applied
    assert "2 added, 0 changed, 0 destroyed" in applied
    assert newest_job(workspace).status == JobStatus.COMPLETED
    assert terminal.read("output", "-raw", "word") == "one"
    assert "No changes" in terminal.run("plan", "-no-color")
    assert "2 destroyed" in terminal.run("destroy", "-auto-approve", "-no-color")
    assert addresses(workspace) == set()


@by_clients(everyday=BY_CLOUD)
def test_arguments_reach_the_run(program: IacType, block: str, open_terminal: Opening) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name, block=block)
    begun(terminal, name)
    terminal.run("apply", "-auto-approve", "-no-color", *word(terminal, block, "two"))
    assert terminal.read("output", "-raw", "word") == "two"
    aimed = terminal.run("plan", "-no-color", *word(terminal, block, "three"), "-target", "terraform_data.second")
    assert "No changes" in aimed
    replaced = terminal.run("plan", "-no-color", *word(terminal, block, "two"), "-replace", "terraform_data.second")
    assert "1 to add, 0 to change, 1 to destroy" in replaced
    refreshed = terminal.run("apply", "-refresh-only", "-auto-approve", "-no-color", *word(terminal, block, "two"))
    assert "0 added, 0 changed, 0 destroyed" in refreshed or "No changes" in refreshed


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_saved_plan_is_shown_and_applied_once(program: IacType, open_terminal: Opening) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name)
    begun(terminal, name)
    terminal.run("plan", "-no-color", "-out", "saved")
    assert not StateVersion.objects.filter(workspace__name=name).exists()
    assert "terraform_data.first" in terminal.run("show", "-no-color", "saved")
    assert "2 added" in terminal.run("apply", "-no-color", "saved")
    assert addresses(workspace_named(name)) == {"terraform_data.first", "terraform_data.second"}
    assert "already" in terminal.run("apply", "-no-color", "saved", code=1)


@by_clients(everyday=BY_CLOUD)
def test_a_state_is_read_and_changed(program: IacType, block: str, open_terminal: Opening) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name, block=block)
    begun(terminal, name)
    terminal.run("apply", "-auto-approve", "-no-color")
    workspace = workspace_named(name)
    assert terminal.read("state", "list").split() == ["terraform_data.first", "terraform_data.second"]

    terminal.run("state", "mv", "terraform_data.second", "terraform_data.third")
    assert addresses(workspace) == {"terraform_data.first", "terraform_data.third"}
    terminal.run("state", "rm", "terraform_data.third")
    assert addresses(workspace) == {"terraform_data.first"}
    terminal.run("import", "-no-color", "terraform_data.second", "an-id")
    assert addresses(workspace) == {"terraform_data.first", "terraform_data.second"}
    terminal.run("taint", "-no-color", "terraform_data.second")
    assert "is tainted" in terminal.run("plan", "-no-color")
    terminal.run("untaint", "-no-color", "terraform_data.second")

    pulled = json.loads(terminal.read("state", "pull"))
    before = current_state(workspace)
    assert before is not None
    assert (pulled["serial"], pulled["lineage"]) == (before.serial, before.lineage)
    terminal.write("pushed.tfstate", json.dumps(pulled | {"serial": pulled["serial"] + 5}))
    terminal.run("state", "push", "pushed.tfstate")
    after = current_state(workspace)
    assert after is not None
    assert after.serial > before.serial + 4
    terminal.write("old.tfstate", json.dumps(pulled))
    assert "serial" in terminal.run("state", "push", "old.tfstate", code=1)
    workspace.refresh_from_db()
    assert not workspace.locked


@by_clients(everyday=[(TERRAFORM, CLOUD)])
def test_a_lock_refuses_commands_and_is_broken_by_force(
    program: IacType, block: str, open_terminal: Opening, organization: Organization
) -> None:
    name = new_name()
    terminal = open_terminal(program, block=block, name=name)
    begun(terminal, name)
    terminal.run("apply", "-auto-approve", "-no-color")
    workspace = workspace_named(name)
    lock_workspace(workspace, by=None, reason="a migration")
    assert "lock" in terminal.run("state", "rm", "terraform_data.second", code=1)
    assert addresses(workspace) == {"terraform_data.first", "terraform_data.second"}
    terminal.run("force-unlock", "-force", f"{organization.name}/{name}")
    workspace.refresh_from_db()
    assert not workspace.locked
    terminal.run("state", "rm", "terraform_data.second")


@pytest.mark.parametrize("program", PROGRAMS)
def test_workspaces_are_chosen_by_their_tags(
    program: IacType, open_terminal: Opening, organization: Organization
) -> None:
    terminal = open_terminal(program)
    tag, first, second = (f"{kind}-{uuid4().hex[:8]}" for kind in ("tag", "first", "second"))
    terminal.connect(organization.name, f'tags = ["{tag}"]')
    terminal.run("init", "-no-color", text=f"{first}\n")
    terminal.run("workspace", "new", second)
    listed = terminal.read("workspace", "list")
    assert sorted(listed.replace("*", "").split()) == [first, second]
    terminal.run("workspace", "select", first)
    assert terminal.read("workspace", "show").strip() == first
    terminal.run("workspace", "delete", second)
    assert terminal.read("workspace", "list").replace("*", "").split() == [first]
    assert not Workspace.objects.alive().filter(name=second).exists()


def test_a_workspace_with_resources_is_not_deleted(open_terminal: Opening, organization: Organization) -> None:
    terminal = open_terminal()
    tag, first, second = (f"{kind}-{uuid4().hex[:8]}" for kind in ("tag", "first", "second"))
    terminal.connect(organization.name, f'tags = ["{tag}"]')
    terminal.run("init", "-no-color", text=f"{first}\n")
    terminal.run("apply", "-auto-approve", "-no-color")
    terminal.run("workspace", "new", second)
    terminal.run("workspace", "delete", first, code=1)
    assert Workspace.objects.alive().filter(name=first).exists()


@by_clients(everyday=BY_CLOUD)
def test_no_discards_a_run(program: IacType, block: str, open_terminal: Opening) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name, block=block)
    begun(terminal, name)
    assert "discarded" in terminal.run("apply", "-no-color", text="no\n", code=1)
    workspace = workspace_named(name)
    job = newest_job(workspace)
    await_that(lambda: Job.objects.get(pk=job.pk).is_final, "the job ends")
    assert Job.objects.get(pk=job.pk).status == JobStatus.REJECTED
    assert current_state(workspace) is None


@by_clients(everyday=[(TERRAFORM, CLOUD)])
def test_an_interrupt_cancels_an_apply(
    program: IacType, block: str, open_terminal: Opening, begin: Callable[..., Dialogue]
) -> None:
    name = new_name()
    terminal = open_terminal(program, block=block, name=name, main=SLOW)
    begun(terminal, name)
    apply = begin(terminal, "apply", "-no-color")
    apply.expect("Enter a value:")
    apply.answer("yes")
    apply.expect("it has begun")
    apply.interrupt()
    apply.expect("Do you want to cancel")
    apply.answer("yes")
    apply.expect("successfully cancelled")
    apply.ended()
    job = newest_job(workspace_named(name))
    await_that(lambda: Job.objects.get(pk=job.pk).is_final, "the job ends")
    assert Job.objects.get(pk=job.pk).status == JobStatus.CANCELLED


@by_clients(everyday=BY_CLOUD)
def test_the_panel_approves_while_a_terminal_asks(
    program: IacType, block: str, open_terminal: Opening, begin: Callable[..., Dialogue]
) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name, block=block)
    begun(terminal, name)
    apply = begin(terminal, "apply", "-no-color")
    apply.expect("Enter a value:")
    approve_job(job_that_waits(workspace_named(name)), by=None)
    apply.expect("2 added")
    assert apply.ended() == 0, apply.output


@by_clients(everyday=[(TERRAFORM, CLOUD)])
def test_a_second_terminal_waits_for_the_first(
    program: IacType, block: str, open_terminal: Opening, begin: Callable[..., Dialogue]
) -> None:
    name = new_name()
    first, second = open_terminal(program, block=block, name=name), open_terminal(program, block=block, name=name)
    for terminal in (first, second):
        begun(terminal, name)
    leading = begin(first, "apply", "-no-color")
    leading.expect("Enter a value:")
    waiting = begin(second, "apply", "-auto-approve", "-no-color", *word(second, block, "two"))
    waiting.expect("Waiting for 1 run(s) to finish before being queued")
    leading.answer("yes")
    leading.expect("2 added")
    assert leading.ended() == 0, leading.output
    waiting.expect("1 changed")
    assert waiting.ended() == 0, waiting.output
    assert first.read("output", "-raw", "word") == "two"


@by_clients(everyday=BY_CLOUD)
def test_commands_run_at_the_terminal_where_the_workspace_says_so(
    program: IacType, block: str, open_terminal: Opening
) -> None:
    name = new_name()
    terminal = open_terminal(program, name=name, block=block)
    begun(terminal, name)
    workspace = workspace_named(name)
    update_workspace(workspace, {"execution_mode": "local"}, by=None)
    terminal.run("apply", "-auto-approve", "-no-color", *word(terminal, block, "local"))
    assert not Job.objects.filter(workspace=workspace).exists()
    assert terminal.read("output", "-raw", "word") == "local"
    assert addresses(workspace) == {"terraform_data.first", "terraform_data.second"}
    workspace.refresh_from_db()
    assert not workspace.locked


@by_clients(everyday=[(TERRAFORM, CLOUD)])
def test_who_may_only_plan_is_refused_an_apply(
    program: IacType, block: str, open_terminal: Opening, organization: Organization
) -> None:
    name, group = new_name(), f"planners-{uuid4().hex[:8]}"
    open_terminal(program, block=block, name=name).run("init", "-no-color")
    TeamFactory.create(organization=organization, name=group, plan_job=True)
    terminal = open_terminal(program, block=block, name=name, groups=(group,))
    begun(terminal, name)
    assert "Plan: 2 to add" in terminal.run("plan", "-no-color")
    assert "Insufficient rights" in terminal.run("apply", "-no-color", text="yes\n", code=1)
    assert current_state(workspace_named(name)) is None
