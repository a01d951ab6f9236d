"""A template's YAML becomes a flow, or is refused with the line and the key that are to blame."""

import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces import flows
from workspaces.choices import StepType
from workspaces.flows import Command, FlowError, FlowStep, ImportCommands, ScheduledTemplate

EVERYTHING = """\
flow:
  - type: approval
    step: 150
    team: TERRAFORM_APPROVERS
    onReject:
      - runtime: GROOVY
        script: println "rejected"
  - type: terraformPlan
    name: Plan it
    step: 100
    ignoreError: true
    commands:
      - runtime: BASH
        priority: 100
        before: true
        verbose: true
        script: |
          echo hi
          echo "$workspaceName"
      - runtime: BASH
        priority: 200
        after: true
        script: echo after
      - runtime: BASH
        priority: -1
        beforeInit: true
        script: echo first
    onFailure:
      - runtime: BASH
        script: echo failed
    inputsEnv: {AWS_REGION: $REGION, LEVEL: 3}
    inputsTerraform: {}
    importCommands:
      repository: https://git.example/lib.git
      branch: main
      folder: /templates
      vcsId: 0f21ba16-16d4-4ac7-bce0-3484024ee6bf
      inputsEnv: {A: $B}
      inputsTerraform: {c: $D}
  - type: scheduleTemplates
    step: 300
    templates: [{name: Destroy, schedule: "0 0 20 ? * FRI"}]
"""


def refused(text: str) -> FlowError:
    with pytest.raises(FlowError) as caught:
        flows.parse(textwrap.dedent(text))
    return caught.value


def one_step(lines: str) -> str:
    """Return a flow of one step, whose first line is the text's second and has the given lines after type and step."""
    return "flow:\n  - type: terraformPlan\n    step: 1\n" + textwrap.indent(textwrap.dedent(lines), "    ")


def test_every_key_is_understood_and_steps_are_sorted() -> None:
    plan, approval, schedule = flows.parse(EVERYTHING)
    assert plan == FlowStep(
        type="terraformPlan",
        name="Plan it",
        step=100,
        ignore_error=True,
        commands=(
            Command(runtime="BASH", priority=100, before=True, verbose=True, script='echo hi\necho "$workspaceName"\n'),
            Command(runtime="BASH", priority=200, after=True, script="echo after"),
            Command(runtime="BASH", priority=-1, before_init=True, script="echo first"),
        ),
        on_failure=(Command(runtime="BASH", script="echo failed"),),
        inputs_env={"AWS_REGION": "$REGION", "LEVEL": "3"},
        inputs_terraform={},
        import_commands=ImportCommands(
            repository="https://git.example/lib.git",
            branch="main",
            folder="/templates",
            vcs_id="0f21ba16-16d4-4ac7-bce0-3484024ee6bf",
            inputs_env={"A": "$B"},
            inputs_terraform={"c": "$D"},
        ),
    )
    assert approval == FlowStep(
        type="approval",
        name="Running Step150",
        step=150,
        team="TERRAFORM_APPROVERS",
        on_reject=(Command(runtime="GROOVY", script='println "rejected"'),),
    )
    assert schedule == FlowStep(
        type="scheduleTemplates",
        name="Running Step300",
        step=300,
        templates=(ScheduledTemplate(name="Destroy", schedule="0 0 20 ? * FRI"),),
    )


def test_what_is_left_out_has_its_default() -> None:
    [step] = flows.parse("flow: [{type: terraformApply, step: 7}]")
    assert step == FlowStep(type="terraformApply", step=7, name="Running Step7")
    assert (step.commands, step.inputs_env, step.team, step.ignore_error) == (None, None, None, False)


def test_a_key_without_value_is_as_good_as_left_out() -> None:
    names = ("name", "ignoreError", "commands", "onFailure", "onReject", "inputsEnv", "inputsTerraform", "team")
    lines = "".join(f"{name}:\n" for name in (*names, "importCommands", "templates"))
    assert flows.parse(one_step(lines)) == flows.parse(one_step(""))


def test_an_empty_list_is_not_the_same_as_none() -> None:
    [step] = flows.parse(one_step("onFailure: []\ncommands: []\n"))
    assert (step.on_failure, step.commands, step.on_reject) == ((), (), None)


@pytest.mark.parametrize("flow_type", sorted(set(StepType.values) - {"scheduleTemplates"}))
def test_every_type_of_step_is_known(flow_type: str) -> None:
    [step] = flows.parse(f"flow:\n- type: {flow_type}\n  step: 1\n")
    assert step.type == flow_type


@pytest.mark.parametrize("key", ["importCommands", "importComands"])
def test_import_commands_are_known_by_both_spellings(key: str) -> None:
    [step] = flows.parse(one_step(f"{key}:\n  repository: https://git.example/lib.git\n"))
    assert step.import_commands == ImportCommands(repository="https://git.example/lib.git", branch=None, folder="/")


def test_quoted_numbers_and_truth_values_are_accepted_as_in_terrakube() -> None:
    [step] = flows.parse("flow: [{type: terraformPlan, step: '100', ignoreError: \"true\", name: 12}]")
    assert (step.step, step.ignore_error, step.name) == (100, True, "12")


def test_an_alias_stands_for_its_anchor() -> None:
    first, second = flows.parse(
        textwrap.dedent("""\
        flow:
          - type: terraformPlan
            step: 1
            commands: &hello
              - {runtime: BASH, script: echo hello}
          - type: terraformApply
            step: 2
            commands: *hello
        """)
    )
    assert first.commands == second.commands == (Command(runtime="BASH", script="echo hello"),)


# --- what is refused ---


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("", 1, "flow", "is missing"),
        ("# nothing\n", 1, "flow", "is missing"),
        ("\n\n{}\n", 3, "flow", "is missing"),
        ("just text", 1, "the template", "must have keys and values"),
        ("- a\n", 1, "the template", "must have keys and values"),
        ("flow:\n", 1, "flow", "must be a list"),
        ("flow: []\n", 1, "flow", "is empty"),
        ("flow: text\n", 1, "flow", "must be a list"),
        ("flow:\n  type: terraformPlan\n", 2, "flow", "must be a list"),
        ("flow:\n  - text\n", 2, "the step", "must have keys and values"),
        ("flow:\n  -\n", 2, "the step", "must have keys and values"),
        ("flow: []\nflows: []\n", 2, "flows", "is not known here; allowed is flow"),
        ("flow:\n  - step: 1\n", 2, "type", "is missing"),
        ("flow:\n- type: approval\n- type: approval\n", 3, "step", "must be unique: 0 is also the number in line 2"),
        ("flow:\n  - type: plan\n    step: 1\n", 2, "type", 'must be one of terraformPlan, '),
        ("flow:\n  - type: yamlError\n    step: 1\n", 2, "type", 'not "yamlError"'),
        ("flow:\n  - type:\n    step: 1\n", 2, "type", "has no value"),
        ("flow:\n  - type: [a]\n    step: 1\n", 2, "type", "must be a text"),
        ("flow:\n  - type: approval\n    step: one\n", 3, "step", "must be a whole number from 0 to"),
        ("flow:\n  - type: approval\n    step: 1.5\n", 3, "step", "must be a whole number"),
        ("flow:\n  - type: approval\n    step: -1\n", 3, "step", "must be a whole number"),
        ("flow:\n  - type: approval\n    step: 0100\n", 3, "step", "must be a whole number"),
        ("flow:\n  - type: approval\n    step: 2147483648\n", 3, "step", "must be a whole number"),
        ("flow:\n  - type: approval\n    step:\n", 3, "step", "has no value"),
        (
            "flow:\n  - {type: approval, step: 5}\n  - type: terraformPlan\n    step: 5\n",
            4,
            "step",
            "must be unique: 5 is also the number in line 2",
        ),
        ("flow:\n  - type: approval\n    step: 1\n    type: approval\n", 4, "type", "is given twice, for the first"),
        ("flow:\n  - type: scheduleTemplates\n    step: 1\n", 2, "templates", "is needed in a step of type"),
        ("flow: [}\n", 1, "", "this is not valid YAML: "),
        ("flow:\n  - type: approval\n   step: 1\n", 3, "", "this is not valid YAML: "),
        ("flow:\n  - type: approval\n\tstep: 1\n", 3, "", "this is not valid YAML: "),
        ("flow: *nobody\n", 1, "", "this is not valid YAML: found undefined alias"),
        ("flow: []\n---\nflow: []\n", 2, "", "this is not valid YAML: but found another document"),
        ("flow:\n  - type: approval\n    name: a\0b\n", 3, "", "the character '\\x00' is not allowed in YAML"),
        ("flow: !!python/object:os.system {}\n", 1, "flow", "must be a list"),
        ("flow: !!set []\n", 1, "flow", "must be a list"),
    ],
)  # fmt: skip
def test_a_wrong_flow(text: str, line: int, key: str, words: str) -> None:
    error = refused(text)
    assert (error.line, error.key) == (line, key)
    assert words in error.message
    assert str(error) == (f"Line {line}: {key} {error.message}." if key else f"Line {line}: {error.message}.")


@pytest.mark.parametrize(
    ("lines", "line", "key", "words"),
    [
        ("ignoreErrors: true\n", 4, "ignoreErrors", "is not known here; allowed is type, name, step, ignoreError, "),
        ("error: text\n", 4, "error", "is not known here"),
        ("ignoreError: maybe\n", 4, "ignoreError", "must be true or false"),
        ("ignoreError: 1\n", 4, "ignoreError", "must be true or false"),
        ("name: [a]\n", 4, "name", "must be a text"),
        ("name: !!binary aGk=\n", 4, "name", "must not have a tag"),
        ("team: {a: b}\n", 4, "team", "must be a text"),
        ("commands: echo\n", 4, "commands", "must be a list"),
        ("commands:\n  - echo\n", 5, "the command", "must have keys and values"),
        ("commands:\n  - script: echo\n", 5, "runtime", "is missing"),
        ("commands:\n  - runtime: BASH\n", 5, "script", "is missing"),
        ("commands:\n  - runtime: BASH\n    script:\n", 6, "script", "has no value"),
        ("commands:\n  - runtime: bash\n    script: a\n", 5, "runtime", 'must be one of BASH, GROOVY, not "bash"'),
        ("commands:\n  - {runtime: BASH, script: a}\n  - {runtime: SH, script: a}\n", 6, "runtime", "must be one of"),
        ("commands:\n  - runtime: BASH\n    priority: high\n    script: a\n", 6, "priority", "must be a whole number"),
        ("commands:\n  - runtime: BASH\n    script: a\n    after: 2\n", 7, "after", "must be true or false"),
        ("commands:\n  - runtime: BASH\n    script: a\n    when: 2\n", 7, "when", "is not known here"),
        ("onFailure:\n  - runtime: X\n    script: a\n", 5, "runtime", "must be one of"),
        ("onReject:\n  - runtime: X\n    script: a\n", 5, "runtime", "must be one of"),
        ("inputsEnv: [A]\n", 4, "inputsEnv", "must have keys and values"),
        ("inputsEnv:\n  A: $B\n  A: $C\n", 6, "A", "is given twice, for the first time in line 5"),
        ("inputsEnv:\n  A:\n", 5, "A in inputsEnv", "has no value"),
        ("inputsTerraform:\n  a: [1]\n", 5, "a in inputsTerraform", "must be a text"),
        ("importCommands:\n  branch: main\n", 5, "repository", "is missing"),
        ("importCommands:\n  repository: ''\n", 5, "repository", "has no value"),
        ("importCommands:\n  repository: a\n  path: b\n", 6, "path", "is not known here"),
        ("importCommands:\n  repository: a\n  vcsId: main\n", 6, "vcsId", "must be the id of a VCS connection"),
        ("importCommands: {repository: a}\nimportComands: {repository: a}\n", 5, "importComands", "is the old name"),
        ("templates:\n  - schedule: 0 0 20 ? * FRI\n", 5, "name", "is missing"),
        ("templates:\n  - name: a\n", 5, "schedule", "is missing"),
        ("templates:\n  - name: a\n    schedule: 0 20 * * *\n", 6, "schedule", "must be a Quartz expression of 6 or 7"),
        ("templates:\n  - name: ''\n    schedule: 0 0 20 ? * FRI\n", 5, "name", "has no value"),
        ("commands: &a []\n<<: {name: b}\n", 5, "<<", "is not supported: write the keys out"),
    ],
)
def test_a_wrong_step(lines: str, line: int, key: str, words: str) -> None:
    error = refused(one_step(lines))
    assert (error.line, error.key) == (line, key)
    assert words in error.message


def test_a_flow_that_is_too_long_is_refused() -> None:
    longest = one_step("name: " + "x" * (flows.parser.MAX_CHARACTERS - len(one_step("name: \n"))) + "\n")
    assert len(longest) == flows.parser.MAX_CHARACTERS
    flows.parse(longest)
    assert refused(longest + "#").message.startswith("a flow has at most 131072 characters")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_flow_that_is_nested_too_deeply_is_refused(opening: str) -> None:
    error = refused("flow:\n" + opening * 200)
    assert error.message == "this is nested too deeply"


def test_aliases_cannot_blow_a_flow_up() -> None:
    commands = ", ".join(["{runtime: BASH, script: a}"] * 1000)
    steps = "".join(f"  - {{type: approval, step: {number}, commands: *c}}\n" for number in range(2, 1000))
    error = refused(f"flow:\n  - {{type: approval, step: 1, commands: &c [{commands}]}}\n{steps}")
    assert error.message == "the flow has more than 20000 parts, each alias counted in full"


def test_an_alias_of_itself_is_refused() -> None:
    assert refused("flow: &a\n  - *a\n").key == "the step"
    assert refused(one_step("inputsEnv: &a\n  b: *a\n")).key == "b in inputsEnv"


# --- kept with a step ---

TEXTS = st.text(max_size=10)
MAPS = st.none() | st.dictionaries(TEXTS, TEXTS, max_size=3)
COMMANDS = st.none() | st.lists(st.builds(Command), max_size=3).map(tuple)
STEPS = st.builds(
    FlowStep,
    commands=COMMANDS,
    on_failure=COMMANDS,
    on_reject=COMMANDS,
    inputs_env=MAPS,
    inputs_terraform=MAPS,
    import_commands=st.none() | st.builds(ImportCommands, inputs_env=MAPS, inputs_terraform=MAPS),
)


@given(STEPS)
def test_a_step_comes_back_from_json_as_it_was(step: FlowStep) -> None:
    assert flows.from_json(json.loads(json.dumps(flows.to_json(step)))) == step


def test_json_has_the_keys_of_the_yaml() -> None:
    plan, _, _ = flows.parse(EVERYTHING)
    data = flows.to_json(plan)
    assert data["importCommands"]["vcsId"] == "0f21ba16-16d4-4ac7-bce0-3484024ee6bf"
    assert data["commands"][2]["beforeInit"] is True
    again = flows.parse(json.dumps({"flow": [data]}))
    assert again == (plan,)


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("flow:-\n []{}&*!'\" "), max_size=60))
def test_any_text_is_a_flow_or_is_refused(text: str) -> None:
    try:
        steps = flows.parse(text)
    except FlowError as error:
        assert 1 <= error.line <= len(text.splitlines()) + 1  # noqa: PT017 - both outcomes are right
    else:
        assert steps


# --- kinds of flows ---


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["terraformPlan"], True),
        (["terraformPlan", "terraformPlanDestroy"], True),
        (["terraformPlan", "approval"], False),
        (["terraformPlan", "terraformApply"], False),
        (["customScripts"], False),
    ],
)
def test_a_flow_that_does_nothing_but_plan(types: list[str], expected: bool) -> None:
    entries = [{"type": flow_type, "step": number} for number, flow_type in enumerate(types)]
    assert flows.is_plan_only(flows.parse(json.dumps({"flow": entries}))) is expected


def test_the_default_templates_are_terrakubes_and_two_that_ask_first() -> None:
    found = {
        template.name: [(step.type, step.step, step.team) for step in flows.parse(template.tcl)]
        for template in flows.DEFAULT_TEMPLATES
    }
    asked, approval = ("approval", 150, None), ("approval", 150, "TERRAFORM_CLI")
    assert found == {
        "Plan": [("terraformPlan", 100, None)],
        "Plan, approve, apply": [("terraformPlan", 100, None), asked, ("terraformApply", 200, None)],
        "Plan, approve, destroy": [("terraformPlanDestroy", 100, None), asked, ("terraformApply", 200, None)],
        "Plan and apply": [("terraformPlan", 100, None), ("terraformApply", 200, None)],
        "Destroy": [("terraformDestroy", 100, None)],
        "Terraform-Plan/Apply-Cli": [("terraformPlan", 100, None), approval, ("terraformApply", 200, None)],
        "Terraform-Plan/Destroy-Cli": [("terraformPlanDestroy", 100, None), approval, ("terraformApply", 200, None)],
    }
    assert {template.version for template in flows.DEFAULT_TEMPLATES} == {"1.0.0"}
    assert all(template.description for template in flows.DEFAULT_TEMPLATES)
    assert found.keys() >= flows.CLI_TEMPLATE_NAMES
