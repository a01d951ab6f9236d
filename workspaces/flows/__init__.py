"""Flows: the steps of a job, parsed from a template's YAML.

`parse` is as strict as Terrakube's parser and reports the line of an error. It also refuses what would only fail later:
an unknown `type`, a duplicate number, a duplicate key. As in Terrakube, a text may be any scalar, and a number or
boolean may be quoted.
"""

from .changes import (
    changes_resources,
    chooses_variables,
    first_unapproved_step,
    has_scripts,
    has_scripts_before_approval,
    plan_part,
)
from .defaults import (
    APPLY_TEMPLATE,
    CLI_TEAM,
    CLI_TEMPLATE_NAMES,
    DEFAULT_TEMPLATES,
    DESTROY_TEMPLATE,
    PLAN_APPROVE_APPLY,
    PLAN_DESTROY,
    PLAN_TEMPLATE,
    DefaultTemplate,
)
from .flow import Command, FlowStep, ImportCommands, ScheduledTemplate, as_yaml, from_json, is_plan_only, to_json
from .parser import FlowError, parse, parse_commands

__all__ = [
    "APPLY_TEMPLATE",
    "CLI_TEAM",
    "CLI_TEMPLATE_NAMES",
    "DEFAULT_TEMPLATES",
    "DESTROY_TEMPLATE",
    "PLAN_APPROVE_APPLY",
    "PLAN_DESTROY",
    "PLAN_TEMPLATE",
    "Command",
    "DefaultTemplate",
    "FlowError",
    "FlowStep",
    "ImportCommands",
    "ScheduledTemplate",
    "as_yaml",
    "changes_resources",
    "chooses_variables",
    "first_unapproved_step",
    "from_json",
    "has_scripts",
    "has_scripts_before_approval",
    "is_plan_only",
    "parse",
    "parse_commands",
    "plan_part",
    "to_json",
]
