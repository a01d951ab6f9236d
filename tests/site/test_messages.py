"""A message is its English text, and renders itself in the reader's language."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from django.utils.translation import override

from terrakube_site.messages import Message, as_json, from_json, joined, marked, message, translated
from workspaces.errors import WrongState

LOCKED = "{name} is locked: {why}"
ENDED = "Job {number} has ended: it is {status}."


def test_a_message_is_its_english_text_wherever_a_text_is_wanted() -> None:
    said = message(LOCKED, name="net", why="freeze")
    assert said == "net is locked: freeze"
    assert json.dumps([said]) == '["net is locked: freeze"]'
    with pytest.raises(KeyError):
        message(LOCKED, name="net")


@pytest.mark.usefixtures("catalogues")
def test_a_message_is_said_in_the_language_of_the_page_with_the_same_values() -> None:
    # A name that is also a text of the catalogue stays a name; a status is always one of ours.
    named, ended = message(LOCKED, name="Plan", why="Workspace {x}"), message(ENDED, number=7, status="cancelled")
    with override("de"):
        assert translated(named) == "Plan ist gesperrt: Workspace {x}"
        assert translated(ended) == "Job 7 ist zu Ende (Status: abgebrochen)."
        assert translated(named + ". " + ended) == f"{translated(named)}. {translated(ended)}"
        assert translated("> " + named) == f"> {translated(named)}"
        assert translated(joined("\n", [named, "as it is"])) == f"{translated(named)}\nas it is"
    with override("es"):
        assert translated(named) == "Plan está bloqueado: Workspace {x}"
        assert translated(ended) == "El job 7 ha terminado (estado: cancelado)."
    with override("en"):
        assert translated(named + ". " + ended) == f"{named}. {ended}"


@pytest.mark.usefixtures("german")
def test_an_exception_a_copy_and_json_keep_what_a_message_is_made_of() -> None:
    said = "Refused: " + message(LOCKED, name="net", why=marked("no reason was given"))
    with override("de"):
        wanted = said.in_language
        assert wanted == "Refused: net ist gesperrt: ohne Angabe eines Grundes"
        for kept in (
            str(WrongState(said)),
            copy.deepcopy(said),
            pickle.loads(pickle.dumps(said)),  # noqa: S301 - made here
            from_json(json.loads(json.dumps(as_json(said)))),
        ):
            assert isinstance(kept, Message)
            assert translated(kept) == wanted
