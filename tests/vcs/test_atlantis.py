"""What an atlantis.yaml becomes, and what is said of the rest."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from vcs.atlantis.config import LARGEST_BYTES, AtlantisError, read_config
from vcs.atlantis.conversion import BY_COMMENT_ALONE, Conversion, WorkspacePlan, convert, lines_of
from workspaces import flows
from workspaces.choices import IacType, StepType

WHOLE = """
version: 3
automerge: true
parallel_plan: true
projects:
- name: network
  branch: /^main$/
  dir: envs/prod/network
  terraform_version: v1.9.8
  autoplan:
    when_modified: ["*.tf", "../../../modules/**/*.tf", ".terraform.lock.hcl"]
  apply_requirements: [approved, mergeable]
  execution_order_group: 1
- dir: envs/test
  workspace: blue
  terraform_distribution: opentofu
  workflow: careful
- dir: .
  autoplan: {enabled: false}
workflows:
  careful:
    plan:
      steps:
      - run: ./fetch-modules.sh
      - init: {extra_args: ["-backend-config=blue.hcl"]}
      - env: {name: STAGE, value: test}
      - run: ./lint.sh
      - plan: {extra_args: ["-var-file", "blue.tfvars", "-lock=false"]}
      - run: infracost breakdown --path $PLANFILE
    apply:
      steps:
      - apply: {extra_args: ["-var-file=blue.tfvars"]}
      - run: ./announce.sh
    policy_check:
      steps: [show, policy_check]
"""


def converted(text: str, **options: str) -> Conversion:
    return convert(read_config(text.encode()), **{"branch": "main", "version": "1.11.4", **options})


def notes_of(text: str) -> list[str]:
    return [str(note) for note in converted(text).notes]


def one_project(lines: str) -> str:
    return f"version: 3\nprojects:\n- dir: app\n  {lines}\n"


def test_projects_become_workspaces() -> None:
    network, test, root = converted(WHOLE).workspaces
    assert network == WorkspacePlan(
        name="network",
        folder="envs/prod/network",
        branch="main",
        tool=IacType.TERRAFORM,
        version="1.9.8",
        template="Plan, approve, apply",
        paths=("envs/prod/network/*.tf", "modules/**/*.tf", "envs/prod/network/.terraform.lock.hcl"),
        requirements=("approved", "mergeable"),
    )
    assert (test.name, test.folder, test.tool, test.version) == ("envs-test-blue", "envs/test", IacType.TOFU, "1.11.4")
    assert (test.paths, test.requirements) == ((), None)
    assert (root.name, root.folder, root.paths) == ("root", "", (BY_COMMENT_ALONE,))


def test_a_workflow_becomes_a_template_whose_scripts_run_where_they_ran() -> None:
    conversion = converted(WHOLE)
    assert list(conversion.templates) == ["Atlantis careful"]
    assert conversion.workspaces[1].template == "Atlantis careful"
    plan, approval, apply = flows.parse(conversion.templates["Atlantis careful"])
    assert [plan.type, approval.type, apply.type] == [StepType.PLAN, StepType.APPROVAL, StepType.APPLY]
    assert [(one.script, one.before_init, one.before, one.after) for one in plan.commands or ()] == [
        ("./fetch-modules.sh", True, False, False),
        ("./lint.sh", False, True, False),
        ("infracost breakdown --path $PLANFILE", False, False, True),
    ]
    assert [(one.script, one.after) for one in apply.commands or ()] == [("./announce.sh", True)]
    assert [one.priority for one in plan.commands or ()] == [1, 2, 3]


def test_arguments_and_values_become_variables() -> None:
    assert converted(WHOLE).workspaces[1].variables == {"STAGE": "test", "TF_CLI_ARGS_plan": "-var-file=blue.tfvars"}


def test_a_project_without_autoplan_is_planned_by_comment_alone() -> None:
    assert "  plans pull requests by comment alone" in lines_of(converted(WHOLE))


def test_what_is_not_carried_over_is_said_once() -> None:
    notes = notes_of(WHOLE)
    assert [note.partition(":")[0] for note in notes] == [
        "automerge",
        "project network",
        "project envs/test",
        "workflow careful",
        "workflow careful",
        "workflow careful",
        "workflow careful",
        "project envs/test",
    ]
    text = "\n".join(notes)
    for words in (
        "execution_order_group: Workspaces have no order",
        "Terraform's workspace 'blue' becomes a workspace of its own",
        "The stage policy_check is not carried over",
        "init -backend-config: the state is kept here",
        "plan -lock: the site sets this itself",
        "there is no PLANFILE here",
        "Its workspace is called envs-test-blue",
    ):
        assert words in text


NOTED: dict[str, tuple[str, str]] = {
    "a branch of many": ("branch: /^release-.*$/", "a workspace has one branch"),
    "a workflow of the server": ("workflow: shared", "it is defined on Atlantis' server"),
    "an exception": ('autoplan: {when_modified: ["*.tf", "!test.tf"]}', "there are no exceptions"),
    "a path out of the repository": ('autoplan: {when_modified: ["../../other/*.tf"]}', "it leads out"),
    "an unknown requirement": ("apply_requirements: [blessed]", "there is no 'blessed'"),
    "a lock that is off": ("repo_locking: false", "always holds its workspace"),
    "an order": ("depends_on: [network]", "one after the other"),
    "an unknown key": ("colour: red", "This key is not known here"),
}


@pytest.mark.parametrize("case", NOTED)
def test_a_key_without_a_counterpart_is_noted(case: str) -> None:
    lines, words = NOTED[case]
    (note,) = notes_of(one_project(lines))
    assert note.startswith("project app: ")
    assert words in note


def test_keys_that_change_nothing_are_not_noted() -> None:
    lines = "execution_order_group: 0\n  delete_source_branch_on_merge: false\n  repo_locks: {mode: on_plan}"
    assert notes_of(one_project(lines)) == []


WORKFLOWS: dict[str, tuple[str, str]] = {
    "terragrunt": ("plan: {steps: [{run: terragrunt plan -out $PLANFILE}]}", "it runs terraform itself"),
    "a stage without its own step": ("plan: {steps: [{run: make check}]}", "does not run plan itself"),
    "variables by a command": ("plan: {steps: [{multienv: ./env.sh}, plan]}", "are not made by a command"),
    "a value by a command": ("plan: {steps: [{env: {name: A, command: date}}, plan]}", "set the variable yourself"),
    "another argument": ("plan: {steps: [{plan: {extra_args: [-destroy]}}]}", "plan -destroy: it is not carried over"),
    "an argument of apply": ("apply: {steps: [{apply: {extra_args: [-parallelism=2]}}]}", "takes the plan as it is"),
}


@pytest.mark.parametrize("case", WORKFLOWS)
def test_a_step_without_a_counterpart_is_noted(case: str) -> None:
    stages, words = WORKFLOWS[case]
    notes = notes_of(one_project("workflow: own") + f"workflows:\n  own:\n    {stages}\n")
    assert any(note.startswith("workflow own: ") and words in note for note in notes)


def test_a_workflow_of_built_in_steps_needs_no_template() -> None:
    conversion = converted(
        one_project("workflow: own")
        + "workflows:\n  own:\n    plan:\n      steps: [init, {plan: {extra_args: ['-var', 'a=b c']}}]\n"
    )
    assert conversion.templates == {}
    (made,) = conversion.workspaces
    assert (made.template, made.variables) == ("Plan, approve, apply", {"TF_CLI_ARGS_plan": "'-var=a=b c'"})
    assert conversion.notes == ()


def test_names_fit_addresses_and_are_taken_once() -> None:
    text = "version: 3\nprojects:\n" + "".join(
        f"- {{dir: {directory}, name: {name}}}\n"
        for directory, name in (("a", "team/app"), ("b", "team-app"), ("c", "x" * 80), ("d", "x" * 80))
    )
    names = [one.name for one in converted(text).workspaces]
    assert names == ["team-app", "team-app-2", "x" * 64, "x" * 62 + "-2"]


def test_folders_by_a_pattern_make_no_workspace() -> None:
    conversion = converted("version: 3\nprojects:\n- dir: envs/*\n")
    assert conversion.workspaces == ()
    assert "Its dir is a pattern" in str(conversion.notes[0])


WRONG: dict[str, tuple[str, str]] = {
    "no YAML": ("version: [", "is not valid YAML"),
    "a list": ("- version: 3", "The file has no keys and values"),
    "no version": ("projects: []", "version is None"),
    "a project without a folder": ("version: 3\nprojects: [{name: a}]", "projects[0].dir is missing"),
    "a folder outside": ("version: 3\nprojects: [{dir: ../a}]", 'cannot contain ".."'),
    "a project that is a text": ("version: 3\nprojects: [a]", "Projects[0] has no keys and values"),
    "projects that are none": ("version: 3\nprojects: {a: b}", "projects is no list"),
    "an unknown step": ("version: 3\nworkflows: {w: {plan: {steps: [fly]}}}", "workflows.w.plan.steps[0] is 'fly'"),
    "an unknown stage": ("version: 3\nworkflows: {w: {fly: {}}}", "has no stage 'fly'"),
    "a step of two keys": ("version: 3\nworkflows: {w: {plan: {steps: [{run: a, init: {}}]}}}", "has 2 keys"),
    "a switch that is none": ("version: 3\nprojects: [{dir: a, autoplan: {enabled: maybe}}]", "true or false"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_atlantis_would_not_read_is_refused(case: str) -> None:
    text, words = WRONG[case]
    with pytest.raises(AtlantisError) as refused:
        read_config(text.encode())
    assert words in str(refused.value)


def test_a_huge_file_is_refused_unread() -> None:
    with pytest.raises(AtlantisError, match="at most"):
        read_config(b"a" * (LARGEST_BYTES + 1))


def test_the_command_prints_what_would_be_made(tmp_path: Path) -> None:
    (tmp_path / "atlantis.yaml").write_text(WHOLE)
    output = StringIO()
    call_command("convert_atlantis", str(tmp_path / "atlantis.yaml"), stdout=output)
    lines = output.getvalue().splitlines()
    assert lines == list(lines_of(converted(WHOLE)))
    assert lines[0] == "workspace network"
    assert "  applies by comment once approved and mergeable" in lines
    assert "not carried over:" in lines


def test_the_command_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot be read: No such file"):
        call_command("convert_atlantis", str(tmp_path / "atlantis.yaml"))
