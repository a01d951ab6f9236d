"""What is wrong with sensitive settings of a pod is told without their texts."""

import pytest

from tests.factories import GlobalVariableFactory, VariableFactory, WorkspaceFactory
from workspaces import pods
from workspaces.errors import WrongSettings
from workspaces.pods import EphemeralSyntaxErrors
from workspaces.services.ephemeral import change_settings

MEMORY_REQUEST, MEMORY_LIMIT = "EPHEMERAL_MEMORY_REQUEST", "EPHEMERAL_MEMORY_LIMIT"
WRONG = "=zebra ;;zebra:: [zebra"


def is_refused_at_launch(name: str, text: str) -> bool:
    try:
        pods.pod_settings({name: text})
    except EphemeralSyntaxErrors:
        return True
    return False


REFUSED = [name for name in pods.SETTINGS if is_refused_at_launch(name, WRONG)]


@pytest.mark.parametrize("hidden", [(MEMORY_REQUEST,), (MEMORY_LIMIT,), (MEMORY_REQUEST, MEMORY_LIMIT)])
def test_what_contradicts_each_other_is_told_without_the_texts_of_sensitive_variables(hidden: tuple[str, ...]) -> None:
    environment = {MEMORY_REQUEST: "4321Mi", MEMORY_LIMIT: "1234Mi"}
    with pytest.raises(EphemeralSyntaxErrors) as caught:
        pods.pod_settings(environment, hidden)
    said = str(caught.value)
    assert f"{MEMORY_REQUEST}: " in said
    assert f"the value of {MEMORY_LIMIT}" in said
    assert {name for name, text in environment.items() if text in said} == environment.keys() - set(hidden)


def test_a_mount_path_that_is_sensitive_is_not_told() -> None:
    environment = {
        "EPHEMERAL_CONFIG_MAP_MOUNT_PATH": "/hidden",
        "EPHEMERAL_CONFIG_MAP_NAME": "files",
        "TF_PLUGIN_CACHE_DIR": "/hidden/cache",
    }
    with pytest.raises(EphemeralSyntaxErrors) as caught:
        pods.pod_settings(environment, environment)
    assert "/hidden" not in str(caught.value)


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_of_a_sensitive_text_is_told_where_it_is_wrong(name: str) -> None:
    with pytest.raises(EphemeralSyntaxErrors) as caught:
        pods.pod_settings({name: WRONG}, [name])
    assert "zebra" not in str(caught.value)
    assert f"{name}: its value has the wrong format. The format is " in str(caught.value)


def test_most_settings_refuse_the_wrong_text() -> None:
    assert len(REFUSED) > len(pods.SETTINGS) / 2


@pytest.mark.django_db
@pytest.mark.parametrize("sensitive", [True, False])
def test_who_sets_a_request_above_an_inherited_limit_is_told_the_limit_unless_it_is_sensitive(sensitive: bool) -> None:
    workspace = WorkspaceFactory.create()
    GlobalVariableFactory.create(
        organization=workspace.organization, key=MEMORY_LIMIT, value="1234Mi", category="ENV", sensitive=sensitive
    )
    with pytest.raises(WrongSettings) as caught:
        change_settings(workspace, {MEMORY_REQUEST: "4321Mi"}, by=None)
    said = caught.value.fields[MEMORY_REQUEST]
    assert "4321Mi" in said
    assert ("1234Mi" in said) is not sensitive


@pytest.mark.django_db
@pytest.mark.parametrize("sensitive", [True, False])
def test_who_sets_a_limit_below_the_workspaces_request_is_told_the_request_unless_it_is_sensitive(
    sensitive: bool,
) -> None:
    workspace = WorkspaceFactory.create()
    VariableFactory.create(workspace=workspace, key=MEMORY_REQUEST, value="4321Mi", category="ENV", sensitive=sensitive)
    with pytest.raises(WrongSettings) as caught:
        change_settings(workspace, {MEMORY_LIMIT: "1234Mi"}, by=None)
    (said,) = caught.value.fields.values()
    assert "1234Mi" in said
    assert ("4321Mi" in said) is not sensitive
