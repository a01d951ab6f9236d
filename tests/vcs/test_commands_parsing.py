"""Which comments are commands, and what for."""

from __future__ import annotations

import pytest

from vcs.commands.parsing import Command, Verb, read_command

COMMANDS = {
    "plan": ("terrakube plan", Command(verb=Verb.PLAN)),
    "capitals": ("  Terrakube PLAN \n\nthanks", Command(verb=Verb.PLAN)),
    "workspace": ("terrakube apply net-prod", Command(verb=Verb.APPLY, workspace="net-prod")),
    "workspace-option": ("terrakube apply -w net-prod", Command(verb=Verb.APPLY, workspace="net-prod")),
    "case-of-name": ("terrakube apply Net", Command(verb=Verb.APPLY, workspace="Net")),
    "folder": ("terrakube plan -d envs/prod/", Command(verb=Verb.PLAN, folder="envs/prod")),
    "folder-dot": ("terrakube plan -d ./envs", Command(verb=Verb.PLAN, folder="envs")),
    "root-folder": ("terrakube plan -d .", Command(verb=Verb.PLAN, folder="")),
    "commit": ("terrakube plan net -c ABCDEF1", Command(verb=Verb.PLAN, workspace="net", commit="abcdef1")),
    "unlock": ("terrakube unlock", Command(verb=Verb.UNLOCK)),
    "help": ("terrakube help", Command(verb=Verb.HELP)),
    "alone": ("terrakube", Command(verb=Verb.HELP)),
}
NONE = {
    "empty": "",
    "prose": "terrakube is a fine thing for teams that plan",
    "prose-lines": "terrakube is\nfine",
    "quotation": "> terrakube apply",
    "later": "please\nterrakube apply",
    "code": "`terrakube apply`",
    "other": "atlantis plan",
    "joined": "terrakube-apply",
    "our-own": "<!-- terrakube-site:workspace:1 -->\nterrakube apply",
}
WRONG = {
    "verb": ("terrakube aply", "There is no command 'aply'."),
    "option": ("terrakube plan -x", "There is no option '-x'."),
    "no-folder": ("terrakube plan -d", "-d needs a name behind it."),
    "two": ("terrakube plan a b", "Name one workspace or one folder."),
    "both": ("terrakube plan a -d b", "Name one workspace or one folder."),
    "commit": ("terrakube plan --commit main", "A commit is named by 7 to 64 hexadecimal digits."),
    "long": ("terrakube plan " + "x" * 600, "The name is too long."),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_comment_that_begins_with_the_name_is_a_command(case: str) -> None:
    text, command = COMMANDS[case]
    assert read_command(text) == command


@pytest.mark.parametrize("case", NONE)
def test_other_comments_are_none(case: str) -> None:
    assert read_command(NONE[case]) is None


@pytest.mark.parametrize("case", WRONG)
def test_a_command_that_is_wrong_says_what(case: str) -> None:
    text, sentence = WRONG[case]
    assert read_command(text) == Command(verb=Verb.HELP, wrong=sentence)
