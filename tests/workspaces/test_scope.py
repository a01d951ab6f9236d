"""What a job may ask of terraform, whichever door it comes through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.contract.addresses import read_address
from terrakube_site.terraform.state_arguments import split_arguments
from tests.factories import DESTROY, PLAN_AND_APPLY, PLAN_APPROVE_APPLY, WorkspaceFactory
from workspaces.errors import InvalidInput
from workspaces.jobs.scope import MAX_ADDRESSES, Addresses, addresses_of, plan_arguments, read_addresses
from workspaces.models import Job, Workspace
from workspaces.services.jobs import create_job, run_again

PLAN_DESTROY = "flow:\n  - {type: terraformPlanDestroy, step: 100}\n  - {type: terraformApply, step: 200}\n"
RESOURCES = [
    "terraform_data.a",
    "terraform_data.a[0]",
    'terraform_data.a["k"]',
    'module.a["k y"].t.b[0]',
    'module.a.module.b["x.y"].aws_vpc.main["[0]"]',
    'terraform_data.a["qu\\"ote \\\\ ${x}"]',
    "t.ünïcode-name_1",
    't.a["ключ 🔑"]',
]
MODULES = ["module.a", "module.a[3]", 'module.a["k"].module.b', "data.t.a", 'module.a.data.t.b["k"]']
BAD = [
    "",
    "   ",
    "-destroy",
    "--target=t.a",
    "t.a -target=t.b",
    "t.a\n-destroy",
    "t.a\x00",
    't.a["x\ny"]',
    't.a["\x1b[2J"]',
    't.a["\u202ek"]',
    "\ud800.a",
    "t",
    "t.a.b",
    "t.a[x]",
    "t.a[-1]",
    't.a["x]',
    "t.a['x']",
    "'t.a'",
    "t.a;rm",
    "t.*",
    "$(id).a",
    "1t.a",
    "t..a",
    "t.a.",
    "module.a.b",
    "module.",
    "module",
    "t." + "a" * 1100,
]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create()


@pytest.mark.parametrize("text", RESOURCES)
def test_a_resource_can_be_a_target_and_can_be_replaced(text: str) -> None:
    found = read_addresses([text, f"  {text} "], [text])
    assert found == Addresses((text,), (text,))
    read = read_address(text)
    assert read is not None, "what is taken at save is understood by the executor"
    assert not read.is_module


@pytest.mark.parametrize("text", MODULES)
def test_a_module_or_data_source_can_be_a_target_and_cannot_be_replaced(text: str) -> None:
    assert read_addresses([text], []).targets == (text,)
    assert read_address(text) is not None
    with pytest.raises(InvalidInput, match=r"cannot be replaced\. Use the address of a resource") as refused:
        read_addresses([], [text])
    assert set(refused.value.fields) == {"replaceAddrs"}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused_with_the_value(workspace: Workspace, text: str) -> None:
    for targets, replaces, field in (([text], [], "targetAddrs"), ([], [text], "replaceAddrs")):
        with pytest.raises(InvalidInput) as refused:
            create_job(workspace, by=None, tcl=PLAN_AND_APPLY, targets=targets, replaces=replaces)
        assert set(refused.value.fields) == {field}
        assert refused.value.message.isprintable()
        assert "module.net.aws_vpc.main" in refused.value.message
        assert text.strip()[:1].strip("\ud800") in refused.value.message
    assert not Job.objects.exists()


@given(st.text())
def test_every_text_is_taken_or_refused_in_words(text: str) -> None:
    try:
        found = read_addresses([text], [])
    except InvalidInput as refused:
        message = refused.message
    else:
        message = ""
        assert read_address(found.targets[0]) is not None
    assert message.isprintable()


def test_a_job_has_a_bounded_number_of_addresses() -> None:
    many = [f"t.n{number}" for number in range(MAX_ADDRESSES + 1)]
    assert len(read_addresses(many[1:], []).targets) == MAX_ADDRESSES
    with pytest.raises(InvalidInput, match="at most 200 addresses, not 201"):
        read_addresses(many, [])


@pytest.mark.parametrize(
    ("options", "flow", "sentence"),
    [
        ({"refresh_only": True, "refresh": False}, PLAN_AND_APPLY, "cannot skip the refresh"),
        ({"refresh_only": True, "replaces": ["t.a"]}, PLAN_AND_APPLY, "cannot replace resources"),
        ({"refresh_only": True}, DESTROY, "cannot destroy"),
        ({"refresh_only": True}, PLAN_DESTROY, "cannot destroy"),
        ({"replaces": ["t.a"]}, DESTROY, "Use them as targets instead"),
        ({"replaces": ["t.a"]}, PLAN_DESTROY, "Use them as targets instead"),
    ],
)
def test_what_terraform_would_refuse_is_refused_when_the_job_is_made(
    workspace: Workspace, options: dict[str, object], flow: str, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        create_job(workspace, by=None, tcl=flow, **options)  # type: ignore[arg-type]
    assert not Job.objects.exists()


def test_a_job_that_runs_again_asks_for_the_same(workspace: Workspace) -> None:
    targets, replaces = ['module.a["k y"]', "t.b"], ["t.c"]
    job = create_job(workspace, by=None, tcl=PLAN_APPROVE_APPLY, targets=targets, replaces=replaces, refresh=False)
    again = run_again(job, by=None)
    assert addresses_of(again) == addresses_of(job) == Addresses(tuple(sorted(targets)), tuple(replaces))
    assert again.refresh is False


def test_arguments_of_a_plan_stand_before_the_workspaces_own_which_may_end_the_arguments() -> None:
    addresses = Addresses(('module.a["k y"]', 't.b["q\\"q"]'), ("t.c[0]",))
    asked = ['-target=module.a["k y"]', '-target=t.b["q\\"q"]', "-replace=t.c[0]"]
    own = "-parallelism=1 -var 'x=a b' -var=y=1&z=2 -lock=false"
    words = split_arguments(plan_arguments(addresses, beside=own))
    assert words == [*asked, "-parallelism=1", "-var", "x=a b", "-var=y=1"]
    assert split_arguments(plan_arguments(addresses)) == asked
