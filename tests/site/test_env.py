"""Environment variables are read strictly, and a wrong one says what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from terrakube_site import env


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes", "On", " on "])
def test_a_flag_is_on(value: str) -> None:
    assert env.flag({"F": value}, "F", False) is True


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "OFF", "", "  "])
def test_a_flag_is_off(value: str) -> None:
    assert env.flag({"F": value}, "F", True) is False


@pytest.mark.parametrize("value", ["2", "ja", "enabled", "truee"])
def test_any_other_flag_is_refused(value: str) -> None:
    with pytest.raises(env.SettingError) as caught:
        env.flag({"F": value}, "F", True)
    assert str(caught.value) == f'F is "{value}"; allowed is 1, true, yes or on; or 0, false, no, off or nothing.'


@pytest.mark.parametrize(
    "read",
    [
        env.text,
        env.secret,
        env.integer,
        env.seconds,
        env.url,
        env.path,
        lambda environ, name, default: env.choice(environ, name, default, ["a"]),
    ],
    ids=["text", "secret", "integer", "seconds", "url", "path", "choice"],
)
@pytest.mark.parametrize("environ", [{}, {"V": ""}, {"V": " \n"}], ids=["unset", "empty", "blank"])
def test_unset_and_empty_give_the_default(read: Callable[..., object], environ: dict[str, str]) -> None:
    assert read(environ, "V", "the default") == "the default"
    assert read(environ, "V", None) is None


def test_an_unset_flag_and_list_give_the_default() -> None:
    assert env.flag({}, "V", None) is None
    assert env.comma_list({}, "V", ("a",)) == ("a",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ()), (" , ", ()), ("a", ("a",)), (" a , b,", ("a", "b")), ("a,,b", ("a", "b")), ("b,a", ("b", "a"))],
)
def test_a_comma_list(value: str, expected: tuple[str, ...]) -> None:
    assert env.comma_list({"V": value}, "V", ("default",)) == expected


@pytest.mark.parametrize(("value", "expected"), [("0", 0), (" 12 ", 12), ("+7", 7), ("-3", -3), ("007", 7)])
def test_a_whole_number(value: str, expected: int) -> None:
    assert env.integer({"V": value}, "V", None) == expected


@pytest.mark.parametrize("value", ["1.5", "1e3", "ten", "1_000", "٣", "9" * 5000, "0x10"])
def test_what_is_no_whole_number_is_refused(value: str) -> None:
    with pytest.raises(env.SettingError, match="allowed is a whole number"):
        env.integer({"V": value}, "V", None)


@pytest.mark.parametrize(
    ("minimum", "maximum", "value", "words"),
    [
        (1, 9, "0", "a whole number from 1 to 9"),
        (1, 9, "10", "a whole number from 1 to 9"),
        (60, None, "59", "a whole number of 60 or more"),
        (None, 5, "6", "a whole number of 5 or less"),
    ],
)
def test_a_number_out_of_range_names_the_range(
    minimum: int | None, maximum: int | None, value: str, words: str
) -> None:
    with pytest.raises(env.SettingError) as caught:
        env.integer({"Limit": value}, "Limit", 3, minimum=minimum, maximum=maximum)
    assert str(caught.value) == f'Limit is "{value}"; allowed is {words}.'


def test_both_ends_of_a_range_are_allowed() -> None:
    assert env.integer({"V": "1"}, "V", None, minimum=1, maximum=1) == 1
    assert env.seconds({"V": "1m"}, "V", None, minimum=60, maximum=60) == 60


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("90", 90),
        ("45s", 45),
        ("10m", 600),
        ("6h", 21600),
        ("1h30m", 5400),
        ("1D12h", 129600),
        ("2d5s", 172805),
    ],
)
def test_a_duration_is_seconds(value: str, expected: int) -> None:
    assert env.seconds({"V": value}, "V", None) == expected


@pytest.mark.parametrize("value", ["h", "10 minutes", "30m1h", "-5", "1.5h", "5w", "m10", "9" * 5000])
def test_what_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(env.SettingError, match="a number of seconds, also written with units"):
        env.seconds({"V": value}, "V", None)


def test_a_choice_is_one_of_the_words() -> None:
    assert env.choice({"V": " claim "}, "V", "auto", ["auto", "claim"]) == "claim"
    with pytest.raises(env.SettingError) as caught:
        env.choice({"V": "Claim"}, "V", "auto", ["auto", "claim"])
    assert str(caught.value) == 'V is "Claim"; allowed is one of auto, claim.'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://api:8080", "http://api:8080"),
        ("https://terrakube.example/base/", "https://terrakube.example/base"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address(value: str, expected: str) -> None:
    assert env.url({"V": value}, "V", None) == expected


@pytest.mark.parametrize(
    "value",
    [
        "api:8080",
        "/path",
        "ftp://api",
        "http://",
        "http://a b",
        "http://a?x=1",
        "http://a#f",
        "http://a:99999",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(env.SettingError) as caught:
        env.url({"V": value}, "V", None)
    assert f'"{value}"; allowed is an address such as http://host:port/path' in str(caught.value)


def test_a_login_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(env.SettingError) as caught:
        env.url({"V": "https://me:hunter2@api"}, "V", None)
    assert "hunter2" not in str(caught.value)
    assert "no login" in str(caught.value)


def test_a_path_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert env.path({"V": "/var/lib/x/"}, "V", None) == Path("/var/lib/x")
    assert env.path({"V": "~/x"}, "V", None) == Path("/home/someone/x")
    with pytest.raises(env.SettingError, match='V is "var/x"; allowed is an absolute path'):
        env.path({"V": "var/x"}, "V", None)


def test_a_text_has_to_match_its_pattern() -> None:
    assert env.text({"V": " a1 "}, "V", None, pattern="[a-z0-9]+") == "a1"
    with pytest.raises(env.SettingError) as caught:
        env.text({"V": "a1!"}, "V", None, pattern="[a-z0-9]+", allowed="small letters and digits")
    assert str(caught.value) == 'V is "a1!"; allowed is small letters and digits.'


def test_a_secret_is_never_repeated() -> None:
    assert env.secret({"V": "long enough"}, "V", None, minimum_length=8) == "long enough"
    with pytest.raises(env.SettingError) as caught:
        env.secret({"Key": "hunter2"}, "Key", None, minimum_length=8)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert caught.value.value == env.HIDDEN
    assert "Key" in str(caught.value)
    assert "8 characters or more" in str(caught.value)


def test_several_errors_are_told_together() -> None:
    first = env.SettingError("A", "x", "a number")
    second = env.SettingError("B", None, "a name")
    assert str(env.SettingErrors([first, second])) == 'A is "x"; allowed is a number.\nB is not set; allowed is a name.'
