"""The variables that shape a pod: what each text means, what is refused and with which words."""

import pytest

from workspaces import pods
from workspaces.pods import EphemeralSyntaxError, EphemeralSyntaxErrors, PodSecurity, PodSettings, Toleration

SWITCH = "TERRAKUBE_ENABLE_EPHEMERAL_EXECUTOR"
SELECTOR = "EPHEMERAL_CONFIG_NODE_SELECTOR_TAGS"
TOLERATIONS = "EPHEMERAL_CONFIG_TOLERATIONS"
LABELS = "EPHEMERAL_CONFIG_LABELS"
ANNOTATIONS = "EPHEMERAL_CONFIG_ANNOTATIONS"
POD_SECURITY = "EPHEMERAL_CONFIG_POD_SECURITY_CONTEXT"
SECURITY = "EPHEMERAL_CONFIG_SECURITY_CONTEXT"
ENVIRONMENT = "EPHEMERAL_JOB_ENV_VARS"
MOUNT_PATH = "EPHEMERAL_CONFIG_MAP_MOUNT_PATH"
CLUSTER = "EPHEMERAL_CONFIG_CLUSTER"
CONFIG_MAPS = "EPHEMERAL_CONFIG_ENVFROM_CONFIG_MAP"


def refusal(name: str, text: str) -> str:
    """Return the sentence with which a text is refused when it is saved, having seen that a launch refuses it too."""
    with pytest.raises(EphemeralSyntaxError) as saved:
        pods.validate(name, text)
    with pytest.raises(EphemeralSyntaxErrors) as launched:
        pods.pod_settings({name: text})
    assert [str(error) for error in launched.value.errors] == [str(saved.value)]
    assert str(saved.value).startswith(f"{name}: ")
    assert pods.SETTINGS[name].grammar in str(saved.value)
    return str(saved.value)


@pytest.mark.parametrize("name", pods.SETTINGS)
def test_the_example_of_each_variable_is_valid_and_changes_the_pod(name: str) -> None:
    example = pods.SETTINGS[name].example
    pods.validate(name, example)
    # The one cluster that every installation has is the default.
    if name not in (SECURITY, CLUSTER):
        assert pods.pod_settings({name: example}) != PodSettings()
    assert pods.pod_settings({name: example}) == pods.pod_settings({name: f" {example}\n"})


@pytest.mark.parametrize("name", [name for name, setting in pods.SETTINGS.items() if setting.default])
def test_the_documented_default_is_what_counts_without_the_variable(name: str) -> None:
    default = pods.SETTINGS[name].default or ""
    value = pods.parse(name, default)
    unset = PodSettings()
    # The default of the container's security context is the manifest's, which also hardens more.
    expected = {
        CLUSTER: "default",
        MOUNT_PATH: unset.config_map_mount_path,
        "PVC_CLAIM_NAME": unset.plugin_cache_claim,
        POD_SECURITY: unset.pod_security,
        SECURITY: False,
    }
    assert value == expected[name]


@pytest.mark.parametrize("name", [name for name in pods.SETTINGS if name not in (TOLERATIONS, SELECTOR)])
@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_text_is_as_good_as_no_variable(name: str, text: str) -> None:
    pods.validate(name, text)
    assert pods.pod_settings({name: text}) == PodSettings()


def test_an_empty_node_selector_takes_the_installations_away() -> None:
    assert pods.pod_settings({}).node_selector is None
    assert pods.pod_settings({SELECTOR: ""}).node_selector == {}


@pytest.mark.parametrize("text", ["", " ", ";", ";a", "a;;b", ":Exists", "=x:Equal"])
def test_a_toleration_of_everything_is_refused(text: str) -> None:
    assert "has no key and would tolerate every taint of every node" in refusal(TOLERATIONS, text)


# --- on or off ---


@pytest.mark.parametrize("text", [None, "", " ", "0", "false", "FALSE", "no", "off", " Off "])
def test_no_pod_is_asked_for(text: str | None) -> None:
    assert pods.is_enabled(text) is False


@pytest.mark.parametrize("text", ["1", "true", "Yes", " on "])
def test_a_pod_is_asked_for(text: str) -> None:
    assert pods.is_enabled(text) is True
    assert pods.pod_settings({SWITCH: text}).enabled is True
    pods.validate(SWITCH, text)


def test_another_text_counts_as_on_but_cannot_be_saved() -> None:
    assert pods.pod_settings({SWITCH: "enabled"}).enabled is True
    with pytest.raises(EphemeralSyntaxError, match='"enabled" is neither on nor off'):
        pods.validate(SWITCH, "enabled")


# --- pairs ---


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=b", {"a": "b"}),
        (" a = b ; c=d ;", {"a": "b", "c": "d"}),
        ("a;b=", {"a": "", "b": ""}),
        (";;a=b;;", {"a": "b"}),
        ("a=1;b=2;a=3", {"b": "2", "a": "3"}),
    ],
)
def test_pairs(text: str, pairs: dict[str, str]) -> None:
    assert pods.pod_settings({SELECTOR: text}).node_selector == pairs
    assert pods.pod_settings({LABELS: text}).labels == pairs
    assert pods.pod_settings({ANNOTATIONS: text}).annotations == pairs
    assert pods.pod_settings({"EPHEMERAL_CONFIG_POD_ANNOTATIONS": text}).pod_annotations == pairs


def test_a_value_is_split_off_at_the_first_equals_sign() -> None:
    assert pods.pod_settings({ANNOTATIONS: "x/q=a=b=c"}).annotations == {"x/q": "a=b=c"}


@pytest.mark.parametrize("name", [SELECTOR, LABELS, ANNOTATIONS, ENVIRONMENT])
def test_a_pair_without_key_is_refused_and_its_value_not_repeated(name: str) -> None:
    words = refusal(name, "a=b;=hunter2")
    assert '"=" has no key before it' in words
    assert "hunter2" not in words


@pytest.mark.parametrize("name", [SELECTOR, LABELS, ANNOTATIONS, ENVIRONMENT])
def test_a_value_with_the_separator_in_it_is_refused_when_it_is_saved(name: str) -> None:
    with pytest.raises(EphemeralSyntaxError, match="has a part without '=' after a ';'") as caught:
        pods.validate(name, "a=b;hunter2;c=d")
    assert "hunter2" not in str(caught.value)
    pods.validate(name, "a;b=;c;d=e;")
    # What was stored before goes on.
    pods.pod_settings({name: "a=b;c"})


@pytest.mark.parametrize("name", [SELECTOR, LABELS])
def test_labels_are_judged_as_the_cluster_does(name: str) -> None:
    assert '"a b" must contain only letters' in refusal(name, "x=y;a b=c")
    assert '"a=b c" has a value that must contain only' in refusal(name, "a=b c")
    assert "at most 63 characters" in refusal(name, "a=" + "v" * 64)


@pytest.mark.parametrize(
    "key", ["terrakube.io/job", "terrakube.io/mine", "app.kubernetes.io/managed-by", "controller-uid", "job-name"]
)
def test_labels_of_the_executor_and_of_the_cluster_are_refused(key: str) -> None:
    assert f'"{key}" is a label that the executor or the cluster sets' in refusal(LABELS, f"a=b;{key}=x")


def test_a_node_may_be_selected_by_any_label() -> None:
    assert pods.pod_settings({SELECTOR: "terrakube.io/pool=a"}).node_selector == {"terrakube.io/pool": "a"}


def test_annotations_are_limited_together() -> None:
    half = "x" * (128 * 1024 - 1)
    pods.validate(ANNOTATIONS, f"a={half};b={half}")
    assert "256 KiB" in refusal(ANNOTATIONS, f"a={half};b={half};c")


# --- tolerations ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spot", [Toleration(key="spot")]),
        ("spot:Exists", [Toleration(key="spot")]),
        ("spot:Exists:NoSchedule", [Toleration(key="spot", effect="NoSchedule")]),
        ("spot:", [Toleration(key="spot")]),
        ("spot:Exists:", [Toleration(key="spot")]),
        ("a;", [Toleration(key="a")]),
        (" a ; b : Exists : NoExecute ;;", [Toleration(key="a"), Toleration(key="b", effect="NoExecute")]),
        ("d=tf:Equal", [Toleration(key="d", operator="Equal", value="tf")]),
        ("d:Equal:NoSchedule", [Toleration(key="d", operator="Equal", effect="NoSchedule")]),
        (
            "a;b:Exists:NoSchedule;c=d:Equal:PreferNoSchedule",
            [
                Toleration(key="a"),
                Toleration(key="b", effect="NoSchedule"),
                Toleration(key="c", operator="Equal", value="d", effect="PreferNoSchedule"),
            ],
        ),
        ("node.kubernetes.io/unreachable", [Toleration(key="node.kubernetes.io/unreachable")]),
    ],
)
def test_tolerations(text: str, expected: list[Toleration]) -> None:
    pods.validate(TOLERATIONS, text)
    assert list(pods.pod_settings({TOLERATIONS: text}).tolerations) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a;d=tf", '"d=tf" has a value, but the operator Exists takes none; write d=tf:Equal.'),
        ("d=tf:Exists:NoSchedule", "write d=tf:Equal"),
        ("k=", "\"k=\" has no value after '='; write k:Equal for the empty value"),
        ("a:exists", "must have the operator Exists or Equal"),
        ("a::NoSchedule", "must have the operator Exists or Equal"),
        ("a:Exists:noschedule", "must have the effect NoSchedule, PreferNoSchedule or NoExecute, or none"),
        ("a:Exists:NoExecute:60", "has more than key, operator and effect"),
        ("a b", '"a b" has a key that must contain'),
        ("a=b c:Equal", '"a=b c:Equal" has a value that must contain only letters'),
        ("a=b=c:Equal", "has a value that must contain only letters"),
    ],
)
def test_wrong_tolerations(text: str, words: str) -> None:
    assert words in refusal(TOLERATIONS, text)


# --- security contexts ---


def test_the_security_context_of_the_pod() -> None:
    settings = pods.pod_settings({POD_SECURITY: "runAsUser=1002 ; runAsNonRoot=True"})
    assert settings.pod_security == PodSecurity(fs_group=1000, run_as_user=1002, run_as_non_root=True)
    assert pods.pod_settings({POD_SECURITY: "fsGroup=0"}).pod_security == PodSecurity(fs_group=0)
    left_out = "fsGroup=none;runAsUser=none"
    assert pods.render_pod_security(pods.pod_settings({POD_SECURITY: left_out}).pod_security) == left_out


@pytest.mark.parametrize(("text", "value"), [("=true", True), ("=False", False)])
def test_the_security_context_of_the_container(text: str, value: bool) -> None:
    assert pods.pod_settings({SECURITY: f"allowPrivilegeEscalation{text}"}).allow_privilege_escalation is value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (POD_SECURITY, "runasuser=1", '"runasuser" is unknown; allowed: fsGroup, runAsUser, runAsNonRoot'),
        (SECURITY, "privileged=true", '"privileged" is unknown; allowed: allowPrivilegeEscalation'),
        (POD_SECURITY, "fsGroup", '"fsGroup=" has a value that must be a whole number from 0 to 2147483647'),
        (POD_SECURITY, "runAsUser=cnb", '"runAsUser=cnb" has a value that must be a whole number'),
        (POD_SECURITY, "runAsUser=2147483648", "has a value that must be a whole number from 0 to 2147483647"),
        (POD_SECURITY, "fsGroup=-1", "must be a whole number"),
        (POD_SECURITY, "runAsNonRoot=yes", '"runAsNonRoot=yes" must have the value true or false'),
        (SECURITY, "allowPrivilegeEscalation=1", "must have the value true or false"),
        (POD_SECURITY, "runAsNonRoot=true;runAsUser=0", "is root, which runAsNonRoot=true forbids"),
    ],
)
def test_a_wrong_security_context(name: str, text: str, words: str) -> None:
    assert words in refusal(name, text)


# --- amounts ---


def test_amounts_go_to_requests_and_limits() -> None:
    settings = pods.pod_settings(
        {
            "EPHEMERAL_CPU_REQUEST": "250m",
            "EPHEMERAL_MEMORY_LIMIT": "1Gi",
            "EPHEMERAL_STORAGE_REQUEST": "2Gi",
            "EPHEMERAL_STORAGE_LIMIT": "2Gi",
        }
    )
    assert settings.requests == {"cpu": "250m", "ephemeral-storage": "2Gi"}
    assert settings.limits == {"memory": "1Gi", "ephemeral-storage": "2Gi"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("EPHEMERAL_CPU_LIMIT", "abc", '"abc" must be a Kubernetes quantity'),
        ("EPHEMERAL_CPU_REQUEST", "-1", "must not be negative"),
        (
            "EPHEMERAL_MEMORY_LIMIT",
            "512m",
            "must be a whole number of bytes (m is a thousandth; 512Mi is 512 mebibytes)",
        ),
        ("EPHEMERAL_STORAGE_LIMIT", "0.5", "must be a whole number of bytes"),
    ],
)
def test_a_wrong_amount(name: str, text: str, words: str) -> None:
    assert words in refusal(name, text)


@pytest.mark.parametrize(
    ("resource", "request_text", "limit_text", "fine"),
    [
        ("CPU", "1", "1000m", True),
        ("CPU", "1001m", "1", False),
        ("MEMORY", "1Gi", "1G", False),
        ("MEMORY", "1G", "1Gi", True),
        ("STORAGE", "2Gi", "1Gi", False),
    ],
)
def test_a_request_is_not_above_its_limit(resource: str, request_text: str, limit_text: str, fine: bool) -> None:
    names = f"EPHEMERAL_{resource}_REQUEST", f"EPHEMERAL_{resource}_LIMIT"
    environment = dict(zip(names, (request_text, limit_text), strict=True))
    if fine:
        assert pods.pod_settings(environment).requests
        return
    with pytest.raises(EphemeralSyntaxErrors) as caught:
        pods.pod_settings(environment)
    assert f'{names[0]}: "{request_text}" is more than {limit_text}, the value of {names[1]}' in str(caught.value)


# --- names and paths ---


@pytest.mark.parametrize(
    "name", ["EPHEMERAL_CONFIG_SERVICE_ACCOUNT", "EPHEMERAL_CONFIG_MAP_NAME", "PVC_CLAIM_NAME", CONFIG_MAPS]
)
def test_a_name_that_no_object_can_have(name: str) -> None:
    assert '"Tf_Runner" must contain only lowercase letters' in refusal(name, "Tf_Runner")


def test_config_maps_are_a_comma_list() -> None:
    settings = pods.pod_settings({CONFIG_MAPS: "b , a,,b,"})
    assert settings.env_from_config_maps == ("b", "a")
    assert '"B"' in refusal(CONFIG_MAPS, "a,B")


def test_a_mount_path_loses_the_slash_at_its_end() -> None:
    settings = pods.pod_settings({MOUNT_PATH: "/etc/tf/", "TF_PLUGIN_CACHE_DIR": "/cache//"})
    assert (settings.config_map_mount_path, settings.plugin_cache_dir) == ("/etc/tf", "/cache")


@pytest.mark.parametrize("name", [MOUNT_PATH, "TF_PLUGIN_CACHE_DIR"])
@pytest.mark.parametrize("text", ["/", "//", "/etc/", "/proc/x", "data", "/a/../b", "$HOME/cache"])
def test_a_wrong_mount_path(name: str, text: str) -> None:
    assert f'"{text}"' in refusal(name, text)


@pytest.mark.parametrize("cache", ["/data", "/data/cache"])
def test_the_plugin_cache_cannot_be_in_the_config_map(cache: str) -> None:
    pods.pod_settings({"TF_PLUGIN_CACHE_DIR": cache})
    with pytest.raises(
        EphemeralSyntaxErrors, match="where the files of EPHEMERAL_CONFIG_MAP_NAME are mounted read-only"
    ):
        pods.pod_settings({"TF_PLUGIN_CACHE_DIR": cache, "EPHEMERAL_CONFIG_MAP_NAME": "files"})


def test_a_claim_that_was_named_is_told_from_the_default() -> None:
    assert pods.pod_settings({}).plugin_cache_claim_given is False
    named = pods.pod_settings({"PVC_CLAIM_NAME": "terrakube-plugin-pvc"})
    assert (named.plugin_cache_claim, named.plugin_cache_claim_given) == ("terrakube-plugin-pvc", True)


# --- environment ---


def test_environment_variables_keep_their_order_and_the_last_of_two_counts() -> None:
    settings = pods.pod_settings({ENVIRONMENT: "B=1;A=x=y;B=$(A)"})
    assert settings.env == (("A", "x=y"), ("B", "$(A)"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1A=hunter2", '"1A" must contain only letters'),
        ("EphemeralJobData=hunter2", '"EphemeralJobData" is set by the executor'),
        ("EphemeralFlagBatch=hunter2", "is set by the executor"),
        ("A=hunter2" + "x" * 128 * 1024, '"A" is longer than the 128 KiB'),
        ("A=hunter2\0", '"A" must not contain a NUL character'),
    ],
)
def test_a_wrong_environment_variable_is_named_without_its_value(text: str, words: str) -> None:
    said = refusal(ENVIRONMENT, text)
    assert words in said
    assert "hunter2" not in said


# --- the rest ---


@pytest.mark.parametrize("name", [SELECTOR, LABELS, ANNOTATIONS, TOLERATIONS, CONFIG_MAPS, ENVIRONMENT, POD_SECURITY])
@pytest.mark.parametrize("text", ['[{"key": "a"}]', "{a: b}", " [a]"])
def test_the_longer_form_is_refused_and_said_to_be_kept_for_later(name: str, text: str) -> None:
    assert "is reserved for a longer form that is not supported yet" in refusal(name, text)


def test_a_misspelt_variable_is_refused_with_the_right_name() -> None:
    with pytest.raises(EphemeralSyntaxError, match=r"is unknown; did you mean EPHEMERAL_CPU_LIMIT\?"):
        pods.validate("EPHEMERAL_CPU_LIMITS", "1")
    assert pods.pod_settings({"EPHEMERAL_CPU_LIMITS": "1"}) == PodSettings()


@pytest.mark.parametrize("name", ["AWS_REGION", "TF_LOG", "ephemeral_cpu_limit", "KEEP_JOB_HISTORY"])
def test_other_variables_are_not_looked_at(name: str) -> None:
    pods.validate(name, "[anything;")
    assert pods.pod_settings({name: "[anything;"}) == PodSettings()


def test_all_that_is_wrong_is_told_at_once() -> None:
    environment = {LABELS: "a b=c", "EPHEMERAL_CPU_LIMIT": "abc", TOLERATIONS: "d=tf", SELECTOR: "disk=ssd"}
    with pytest.raises(EphemeralSyntaxErrors) as caught:
        pods.pod_settings(environment)
    assert {error.variable for error in caught.value.errors} == {LABELS, "EPHEMERAL_CPU_LIMIT", TOLERATIONS}


def test_a_long_item_is_cut_in_the_sentence() -> None:
    assert len(refusal(LABELS, "a=" + "v" * 10_000)) < 400


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in pods.SETTINGS if name != "TF_PLUGIN_CACHE_DIR"),
        *("EPHEMERAL_ANYTHING", "ENABLE_DYNAMIC_CREDENTIALS_AWS", "ENABLE_DYNAMIC_CREDENTIALS_VAULT"),
        *("KEEP_JOB_HISTORY", "KEEP_JOB_HISTORY_SOFT_DELETE", "TERRAKUBE_DEFAULT_EXECUTOR"),
        "PRIVATE_EXTENSION_VCS_ID_AUTH",
    ],
)
def test_control_keys_are_kept_from_terraform(name: str) -> None:
    assert pods.is_control_key(name)


@pytest.mark.parametrize("name", ["TF_PLUGIN_CACHE_DIR", "AWS_REGION", "TF_VAR_EPHEMERAL_X", "KEEP_JOB_HISTORY_X"])
def test_other_keys_reach_terraform(name: str) -> None:
    assert not pods.is_control_key(name)
