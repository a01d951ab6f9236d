"""What the code says in English is shown in the language of the page, with the same words in it."""

from __future__ import annotations

import json

import pytest
from django.utils.translation import override

from terrakube_site.messages import translated
from workspaces.jobs.capacity.limits import Limit
from workspaces.jobs.capacity.room import Refusal
from workspaces.models import Step
from workspaces.pods import EphemeralSyntaxError, validate
from workspaces.pods.policy.rules import Level, Policy, Rule
from workspaces.reasons import NONE, Reason, framed, in_language, of_step, reason, stored, told

pytestmark = pytest.mark.usefixtures("catalogues")


def kept(why: Reason) -> Reason:
    """A reason as a record gives it back."""
    columns = why.columns
    return stored(columns["reason_code"], json.loads(json.dumps(columns["reason_words"])), columns["reason"])


@pytest.mark.parametrize(
    ("why", "english", "german", "spanish"),
    [
        (reason("scheduling"), "Waits for a node", "Wartet auf einen Node", "Espera un nodo"),
        (reason("rejected", "rejected-by", person="ana"), "Rejected by ana", "Abgelehnt von ana", "Rechazado por ana"),
        (
            reason("rejected", "rejected-because", person="ana", comment="too dear. Later"),
            "Rejected by ana: too dear. Later",
            "Abgelehnt von ana: too dear. Later",
            "Rechazado por ana: too dear. Later",
        ),
        (
            framed(
                "one-more-ahead",
                reason("workspace-busy", "busy-with", number=7, status=reason("", "is-waitingApproval")),
            ),
            "Waits for job 7 of this workspace, which is waiting for approval; 1 more job is ahead",
            "Wartet auf Job 7 dieses Workspace (Status: wartet auf Freigabe); 1 weiterer ist vor ihm",
            "Espera al job 7 de este workspace (estado: en espera de aprobación); hay 1 más por delante",
        ),
        (
            Refusal(Limit(origin="organization", applies=False, value=2, name="acme"), limit_reached=True).why,
            "Waits for room: the organization acme may have 2 steps at once",
            "Wartet auf Platz: die Organisation acme darf 2 Schritte gleichzeitig haben",
            "Espera sitio: la organización acme puede tener 2 pasos a la vez",
        ),
        (
            of_step("Plan", reason("missing-secret", name="tf-keys", by="ExecutorEphemeralSecret").with_advice()),
            "Plan: Secret tf-keys does not exist in the pod's namespace. "
            "Create it, or take its name out of ExecutorEphemeralSecret",
            "Plan: Das Secret tf-keys gibt es im Namespace des Pods nicht. "
            "Legen Sie es an, oder nehmen Sie den Namen aus ExecutorEphemeralSecret",
            "Plan: El Secret tf-keys no existe en el namespace del pod. "
            "Crearlo o quitar su nombre de ExecutorEphemeralSecret",
        ),
        (
            reason("unschedulable", words="0/3 nodes are available: 3 Insufficient memory."),
            "No node takes the pod: 0/3 nodes are available: 3 Insufficient memory.",
            "Kein Node nimmt den Pod: 0/3 nodes are available: 3 Insufficient memory.",
            "Ningún nodo toma el pod: 0/3 nodes are available: 3 Insufficient memory.",
        ),
        (told("terraform-failed", "exit status 1: no such host"), *["exit status 1: no such host"] * 3),
        (NONE, "", "", ""),
    ],
)
def test_a_reason_that_is_kept_as_words_is_said_in_the_language_of_the_page(
    why: Reason, english: str, german: str, spanish: str
) -> None:
    assert str(why) == why.columns["reason"] == english
    assert str(kept(why)) == english
    for language, wanted in (("de", german), ("es", spanish), ("en", english)):
        with override(language):
            assert in_language(kept(why)) == wanted


def test_a_reason_of_before_and_one_of_a_later_version_read_as_they_were_written() -> None:
    assert str(stored("scheduling", None, "Waits for a machine")) == "Waits for a machine"
    assert str(stored("made-later", {"form": "unheard-of", "x": 1}, "Something new")) == "Something new"
    assert stored("made-later", {"form": "unheard-of"}, "Something new").code == "made-later"


def test_the_words_of_a_reason_hold_no_secret_and_nothing_that_acts() -> None:
    inner = reason("missing-secret", name="my-secret", by="PVC")
    why = framed("tried", inner, number=3).masked(lambda word: word.replace("my-secret", "***"))
    assert str(why) == "Secret *** does not exist in the pod's namespace (tried 3 times)"
    assert "my-secret" not in json.dumps(why.columns)
    hostile = told("terraform-failed", "a\0b\u202ec" + "x" * 5000).columns
    assert "\0" not in hostile["reason_words"]["text"]
    assert hostile["reason_words"]["text"].startswith("a\ufffdb<U+202E>c")
    column = Step._meta.get_field("reason")
    assert max(len(hostile["reason_words"]["text"]), len(column.get_prep_value(hostile["reason"]))) <= 1024


def test_what_is_wrong_with_a_variable_is_said_with_its_grammar() -> None:
    with pytest.raises(EphemeralSyntaxError) as caught:
        validate("EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS", "disk=a b")
    with override("de"):
        german = translated(str(caught.value))
    assert german.startswith(
        'EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS: "disk=a b" hat einen unpassenden Wert: Er darf nur Buchstaben, Ziffern'
    )
    assert german.endswith("Das Format ist key=value, mehrere getrennt durch ';' (ein Wert kann kein ';' enthalten).")


def test_a_refusal_keeps_the_reason_that_somebody_wrote() -> None:
    rule = Rule(
        setting="EPHEMERAL_MEMORY_LIMIT", level=Level.INSTALLATION, maximum="4Gi", reason="Ask the platform team."
    )
    (refusal,) = Policy((rule,)).objections("EPHEMERAL_MEMORY_LIMIT", "8Gi")
    with override("de"):
        assert translated(refusal.message) == (
            'EPHEMERAL_MEMORY_LIMIT: "8Gi" ist mehr als 4Gi, das Maximum, das die Regeln der Installation erlauben. '
            "Ask the platform team."
        )
