"""The default templates of a new organization: Terrakube's, and two with an approval before each change.

Runs of the command line rely on the names of the last two and on the numbers 100, 150 and 200.
"""

from dataclasses import dataclass

VERSION = "1.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultTemplate:
    """A template that does not belong to an organization yet; `tcl` is its YAML."""

    name: str
    description: str
    tcl: str
    version: str = VERSION


DEFAULT_TEMPLATES = (
    DefaultTemplate(
        name="Plan",
        description="Shows what would change",
        tcl="""\
flow:
  - type: terraformPlan
    name: Plan
    step: 100
""",
    ),
    DefaultTemplate(
        name="Plan, approve, apply",
        description="Plans, and applies the plan after approval",
        tcl="""\
flow:
  - type: terraformPlan
    name: Plan
    step: 100
  - type: approval
    name: Approval
    step: 150
  - type: terraformApply
    name: Apply
    step: 200
""",
    ),
    DefaultTemplate(
        name="Plan, approve, destroy",
        description="Plans to destroy everything, and destroys it after approval",
        tcl="""\
flow:
  - type: terraformPlanDestroy
    name: Plan destroy
    step: 100
  - type: approval
    name: Approval
    step: 150
  - type: terraformApply
    name: Apply
    step: 200
""",
    ),
    DefaultTemplate(
        name="Plan and apply",
        description="Plans and applies at once, without approval",
        tcl="""\
flow:
  - type: terraformPlan
    name: Plan
    step: 100
  - type: terraformApply
    name: Apply
    step: 200
""",
    ),
    DefaultTemplate(
        name="Destroy",
        description="Destroys all that the workspace has made",
        tcl="""\
flow:
  - type: terraformDestroy
    name: Destroy
    step: 100
""",
    ),
    DefaultTemplate(
        name="Terraform-Plan/Apply-Cli",
        description="Plan and apply for runs of the command line",
        tcl="""\
flow:
  - type: terraformPlan
    name: Plan
    step: 100
  - type: approval
    name: Approval
    step: 150
    team: TERRAFORM_CLI
  - type: terraformApply
    name: Apply
    step: 200
""",
    ),
    DefaultTemplate(
        name="Terraform-Plan/Destroy-Cli",
        description="Plan and destroy for runs of the command line",
        tcl="""\
flow:
  - type: terraformPlanDestroy
    name: Plan destroy
    step: 100
  - type: approval
    name: Approval
    step: 150
    team: TERRAFORM_CLI
  - type: terraformApply
    name: Apply
    step: 200
""",
    ),
)

PLAN_TEMPLATE = "Plan"
APPLY_TEMPLATE = "Terraform-Plan/Apply-Cli"
DESTROY_TEMPLATE = "Terraform-Plan/Destroy-Cli"
PLAN_APPROVE_APPLY = DEFAULT_TEMPLATES[1].tcl
"""A flow that applies what was planned and seen."""
CLI_TEMPLATE_NAMES = frozenset({APPLY_TEMPLATE, DESTROY_TEMPLATE})
CLI_TEAM = "TERRAFORM_CLI"
"""The approval team of these templates. An organization without such a team lets its approvers decide."""
PLAN_DESTROY = """\
flow:
  - type: terraformPlanDestroy
    name: Plan destroy
    step: 100
"""
"""The flow of a destroy that is only planned, for which there is no template."""
