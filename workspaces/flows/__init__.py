"""Flows: the steps of a job, as a template's YAML says.

`parse` is strict, as Terrakube's parser is, and says in which line what is wrong. Beyond Terrakube's it refuses what
could only fail later: an unknown `type`, a number given twice, a key given twice. A text may be any scalar, and a
number or a truth value may stand in quotes, as there.
"""

from .defaults import CLI_TEMPLATE_NAMES, DEFAULT_TEMPLATES, DefaultTemplate
from .flow import Command, FlowStep, ImportCommands, ScheduledTemplate, from_json, is_plan_only, to_json
from .parser import FlowError, parse, parse_commands

__all__ = [
    "CLI_TEMPLATE_NAMES",
    "DEFAULT_TEMPLATES",
    "Command",
    "DefaultTemplate",
    "FlowError",
    "FlowStep",
    "ImportCommands",
    "ScheduledTemplate",
    "from_json",
    "is_plan_only",
    "parse",
    "parse_commands",
    "to_json",
]
