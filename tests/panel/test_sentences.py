"""What the code says in English is shown in the language of the page, with the same words in it."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from executors import reasons
from terrakube_site.sentences import translated
from workspaces.ephemeral import EphemeralSyntaxError, validate
from workspaces.ephemeral.policy import Level, Policy, Rule

pytestmark = pytest.mark.usefixtures("german")


@pytest.mark.parametrize(
    ("english", "wanted"),
    [
        ("Waits for a node", "Wartet auf einen Node"),
        ("Rejected by ana", "Abgelehnt von ana"),
        ("Rejected by ana: too dear. Later", "Abgelehnt von ana: too dear. Later"),
        (
            "Waits for job 7 of this workspace, which is waiting for approval; 1 more is before it",
            "Wartet auf Job 7 dieses Workspace (Status: wartet auf Freigabe); 1 weiterer ist vor ihm",
        ),
        (
            "Waits for room: the organization acme may have 2 steps at once",
            "Wartet auf Platz: die Organisation acme darf 2 Schritte gleichzeitig haben",
        ),
        ("It was gone after 2 s", "Er war nach 2 s weg"),
    ],
)
def test_a_stored_sentence_is_found_by_its_format(english: str, wanted: str) -> None:
    with override("de"):
        assert translated(english) == wanted
    with override("en"):
        assert translated(english) == english


def test_a_reason_is_translated_behind_the_name_of_its_step_and_before_what_to_do() -> None:
    said = reasons.say("missing-secret", name="tf-keys", by="ExecutorEphemeralSecret")
    with override("de"):
        assert translated(f"Plan: {said.text}") == (
            "Plan: Das Secret tf-keys gibt es im Namespace des Pods nicht. "
            "Legen Sie es an, oder nehmen Sie den Namen aus ExecutorEphemeralSecret"
        )


def test_the_words_of_others_stay_as_they_are() -> None:
    said = reasons.say("unschedulable", words="0/3 nodes are available: 3 Insufficient memory.")
    with override("de"):
        assert translated(said.sentence) == ("Kein Node nimmt den Pod: 0/3 nodes are available: 3 Insufficient memory.")
        assert translated("exit status 1: no such host") == "exit status 1: no such host"
        assert translated("") == ""


def test_what_is_wrong_with_a_variable_is_said_with_its_grammar() -> None:
    with pytest.raises(EphemeralSyntaxError) as caught:
        validate("EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "disk=a b")
    with override("de"):
        german = translated(str(caught.value))
    assert german.startswith(
        'EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS: "disk=a b" hat einen unpassenden Wert: Er muss aus Buchstaben, Ziffern'
    )
    assert german.endswith(
        "Die Schreibweise ist key=value, mehrere getrennt durch ';' (ein Wert kann kein ';' enthalten)."
    )


def test_a_refusal_keeps_the_reason_that_somebody_wrote() -> None:
    rule = Rule(
        setting="EPHEMERAL_MEMORY_LIMIT", level=Level.INSTALLATION, maximum="4Gi", reason="Ask the platform team."
    )
    (refusal,) = Policy((rule,)).objections("EPHEMERAL_MEMORY_LIMIT", "8Gi")
    with override("de"):
        assert translated(refusal.message) == (
            'EPHEMERAL_MEMORY_LIMIT: "8Gi" ist mehr als 4Gi, das Höchste, was die Regeln der Installation erlauben. '
            "Ask the platform team."
        )
