"""The variables that shape a pod, written from what was entered: what is written reads back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces import pods
from workspaces.pods import EphemeralSyntaxError, PodSecurity, Toleration

TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
ANNOTATIONS = "EPHEMERAL_CONFIG_ANNOTATIONS"
POD_SECURITY = "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT"
ENVIRONMENT = "EPHEMERAL_JOB_ENV_VARS"
CONFIG_MAPS = "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP"

WORDS = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?", fullmatch=True)
KEYS = WORDS | st.builds("{}/{}".format, st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9})?", fullmatch=True), WORDS)
VALUES = st.text(st.characters(exclude_characters=";\0", exclude_categories=["Cs"]), max_size=30).map(str.strip)
EFFECTS = st.sampled_from([None, "NoSchedule", "PreferNoSchedule", "NoExecute"])


@given(st.dictionaries(KEYS, VALUES, min_size=1))
def test_pairs_read_back_as_they_were(pairs: dict[str, str]) -> None:
    assert pods.parse(ANNOTATIONS, pods.render_pairs(pairs)) == pairs


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), VALUES, min_size=1))
def test_an_environment_reads_back_in_its_order(pairs: dict[str, str]) -> None:
    assert pods.parse(ENVIRONMENT, pods.render_pairs(pairs.items())) == tuple(pairs.items())


@given(
    st.lists(
        st.builds(Toleration, key=KEYS, effect=EFFECTS)
        | st.builds(Toleration, key=KEYS, operator=st.just("Equal"), value=WORDS | st.just(""), effect=EFFECTS),
        min_size=1,
        max_size=4,
    )
)
def test_tolerations_read_back_as_they_were(tolerations: list[Toleration]) -> None:
    assert pods.parse(TOLERATIONS, pods.render_tolerations(tolerations)) == tuple(tolerations)


@given(st.lists(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), unique=True, min_size=1))
def test_names_read_back_as_they_were(names: list[str]) -> None:
    assert pods.parse(CONFIG_MAPS, pods.render_names(names)) == tuple(names)


@given(
    st.builds(
        PodSecurity,
        fs_group=st.none() | st.integers(0, 2**31 - 1),
        run_as_user=st.none() | st.integers(1, 2**31 - 1),
        run_as_non_root=st.none() | st.booleans(),
    )
)
def test_a_security_context_reads_back_as_it_was(security: PodSecurity) -> None:
    text = pods.render_pod_security(security)
    assert pods.pod_settings({POD_SECURITY: text}).pod_security == security


@pytest.mark.parametrize("pair", [("a", "b;c"), ("a;b", "c"), ("a=b", "c"), ("", "c"), ("a", " b"), ("a ", "b")])
def test_pairs_that_would_not_read_back_are_not_written(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        pods.render_pairs([pair])


@given(st.sampled_from(sorted(pods.SETTINGS)), st.text(max_size=40))
def test_what_could_be_saved_can_be_launched(name: str, text: str) -> None:
    try:
        pods.validate(name, text)
    except EphemeralSyntaxError:
        return
    pods.pod_settings({name: text})
