"""Names, labels, quantities and paths are judged as the API server judges them."""

from decimal import Decimal

import pytest

from workspaces.pods import kubernetes_syntax as syntax


@pytest.mark.parametrize("text", ["a", "1a", "a.b", "a-b.c", "a" * 253])
def test_a_name_of_an_object(text: str) -> None:
    assert syntax.name_objection(text) is None


@pytest.mark.parametrize("text", ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a b", "a\n", "é", "a" * 254])
def test_no_name_of_an_object(text: str) -> None:
    assert syntax.name_objection(text)


def test_a_namespace_has_no_dots_and_63_characters() -> None:
    assert syntax.namespace_objection("terrakube") is None
    assert syntax.namespace_objection("a" * 63) is None
    assert syntax.namespace_objection("a" * 64)
    assert syntax.namespace_objection("a.b")


@pytest.mark.parametrize("text", ["a", "A_b.c-D", "example.com/a", "kubernetes.io/arch", "a" * 63, "a" * 253 + "/b"])
def test_a_label_key(text: str) -> None:
    assert syntax.label_key_objection(text) is None


@pytest.mark.parametrize(
    "text", ["", "a b", "_a", "a_", "/a", "a/", "a/b/c", "Example.com/a", "a" * 64, "a" * 254 + "/b", "a\n"]
)
def test_no_label_key(text: str) -> None:
    assert syntax.label_key_objection(text)


@pytest.mark.parametrize("text", ["", "a", "1.2_3-x", "a" * 63])
def test_a_label_value(text: str) -> None:
    assert syntax.label_value_objection(text) is None


@pytest.mark.parametrize("text", ["-", "a b", "a/b", "a=b", "a.", "a" * 64, "é"])
def test_no_label_value(text: str) -> None:
    assert syntax.label_value_objection(text)


def test_the_prefix_of_an_annotation_may_have_capitals() -> None:
    assert syntax.annotation_key_objection("Example.COM/Owner") is None
    assert syntax.annotation_key_objection("a b")


@pytest.mark.parametrize("text", ["A", "_a", "a.b", "a-b", "a1"])
def test_an_environment_name(text: str) -> None:
    assert syntax.environment_name_objection(text) is None


@pytest.mark.parametrize("text", ["", "1a", "a b", "a=b", "é"])
def test_no_environment_name(text: str) -> None:
    assert syntax.environment_name_objection(text)


def test_linux_limits_one_environment_string() -> None:
    room = 128 * 1024 - len("NAME") - 2
    assert syntax.environment_string_objection("NAME", "x" * room) is None
    assert syntax.environment_string_objection("NAME", "x" * (room + 1))
    assert syntax.environment_string_objection("NAME", "é" * (room // 2 + 1))
    assert syntax.environment_string_objection("NAME", "a\0b")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("250m", "0.25"),
        ("1n", "1e-9"),
        ("100u", "0.0001"),
        ("1k", "1000"),
        ("2M", "2000000"),
        ("9E", "9e18"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1Ei", "1152921504606846976"),
    ],
)
def test_a_quantity(text: str, value: str) -> None:
    assert syntax.quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "Ki", "1K", "1e", "1 Gi", "1.5.2", "1i", "1mi", "1e1Ki", "0x1", "1gb", "1GB", "1\n", "\uff11", "."],
)
def test_no_quantity(text: str) -> None:
    assert syntax.quantity(text) is None
    assert "must be a Kubernetes quantity" in (syntax.quantity_objection(text, whole=False) or "")


def test_half_a_byte_is_refused_and_half_a_processor_is_not() -> None:
    assert syntax.quantity_objection("512m", whole=False) is None
    assert "512Mi" in (syntax.quantity_objection("512m", whole=True) or "")
    assert syntax.quantity_objection("1.5Gi", whole=True) is None
    assert syntax.quantity_objection("-1", whole=False) == "must not be negative"


@pytest.mark.parametrize(("text", "fine"), [("0", True), ("2147483647", True), ("2147483648", False), ("-1", False)])
def test_a_user_or_group_number(text: str, fine: bool) -> None:
    assert (syntax.id_objection(text) is None) is fine


@pytest.mark.parametrize(
    "text", ["/data", "/etc/tf", "/home/cnb/.terraform.d/plugin-cache", "/tmp/cache", "/devices", "/usr/share/x"]
)
def test_a_volume_may_be_mounted_there(text: str) -> None:
    assert syntax.mount_path_objection(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "data", "~/x", "$HOME/x", "/a//b", "/a/", "/a/../b", "/./a", "/a:b", "/a\nb"),
        *("/", "/proc", "/proc/1", "/sys", "/dev/shm", "/etc", "/etc/hosts", "/usr", "/usr/bin/x", "/tmp", "/var"),
        *("/home/terrakube", "/home/cnb", "/workspace"),
    ],
)
def test_no_volume_may_be_mounted_there(text: str) -> None:
    assert syntax.mount_path_objection(text)
