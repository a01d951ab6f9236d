"""Patterns of users over branches and paths: what they match, what is refused, and that none runs for ever."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.patterns import PatternError, globs, regular_expressions

EXPRESSIONS = {
    "plain": ("main", ["main"], ["mains", "xmain", ""]),
    "list": ("main, release/.*", ["main", "release/1"], ["release"]),
    "comma-in-braces": ("v[0-9]{1,3},dev", ["v1", "v123", "dev"], ["v1234", "v1,dev"]),
    "anchors": ("^main$", ["main"], ["xmain"]),
    "alternatives": ("(main|dev)", ["main", "dev"], ["maindev"]),
    "not": ("(?!main$).*", ["dev", "mains"], ["main"]),
    "not-anchored": ("^(?!main|release/).*", ["dev"], ["main", "release/1"]),
    "any-case": ("(?i)Main", ["MAIN", "main"], ["men"]),
    "classes": (r"[\w-]+/\d+", ["a-b/1"], ["a b/1"]),
    "negated-class": ("[^/]+", ["a"], ["a/b"]),
    "empty": ("", [], ["", "main"]),
}
GLOBS = {
    "folder": ("envs/prod/", ["envs/prod/a.tf", "envs/prod/b/c.tf"], ["envs/prod", "envs/production/a.tf"]),
    "any-folder": ("**/*.tf", ["a.tf", "b/c/a.tf"], ["a.tfvars"]),
    "one-folder": ("*.tf", ["a.tf"], ["b/a.tf"]),
    "braces": ("envs/{dev,prod}/**", ["envs/dev/a", "envs/prod/a/b"], ["envs/test/a"]),
    "question": ("a?.tf", ["ab.tf"], ["a/.tf", "a.tf"]),
    "class": ("[!a]b", ["cb"], ["ab", "/b"]),
    "leading-slash": ("/main.tf", ["main.tf"], ["a/main.tf"]),
    "dots-are-dots": ("a.tf", ["a.tf"], ["axtf"]),
}
REFUSED = {
    "open": ("(", "never closed"),
    "closed": ("a)", 'no "("'),
    "nothing-to-repeat": ("*a", "nothing before"),
    "behind": ("(?<=a)b", "behind"),
    "ahead-later": ("a(?!b)", "very start"),
    "reference": (r"(a)\1", "reference"),
    "possessive": ("a++", "possessive"),
    "large": ("(a{200}){200}", "too large"),
    "long-repeat": ("a{999}", "at most 200"),
    "boundary": (r"\bmain", "no meaning"),
}


@pytest.mark.parametrize(("text", "matching", "others"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_expression_matches_whole_names(text: str, matching: list[str], others: list[str]) -> None:
    found = regular_expressions(text)
    assert [name for name in matching if not found.matches(name)] == []
    assert [name for name in others if found.matches(name)] == []


@pytest.mark.parametrize(("text", "matching", "others"), GLOBS.values(), ids=GLOBS)
def test_a_glob_matches_whole_paths(text: str, matching: list[str], others: list[str]) -> None:
    found = globs(text)
    assert [name for name in matching if not found.matches(name)] == []
    assert [name for name in others if found.matches(name)] == []


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_matched_in_linear_time_is_refused(text: str, said: str) -> None:
    with pytest.raises(PatternError, match=re.escape(said)):
        regular_expressions(text)


@pytest.mark.parametrize("text", ["(a+)+b", "(a|aa)+b", "(.*a){12}b", "(a?){60}a{60}b"], ids=str)
def test_no_pattern_runs_for_ever(text: str) -> None:
    """Each of these takes Python's own engine longer than any test may last."""
    begun = time.process_time()
    assert not regular_expressions(text).matches("a" * 4096)
    assert time.process_time() - begun < 20


_PARTS = st.sampled_from(
    ["a", "b", "/", ".", "[ab]", "[^a]", "a*", "b+", "a?", "(a|b)", "(ab)*", "a{1,2}", r"\w", "^", "$"]
)


@given(st.lists(_PARTS, min_size=1, max_size=6), st.text(alphabet="ab/c", max_size=6))
def test_an_expression_matches_what_python_s_own_engine_does(parts: list[str], name: str) -> None:
    text = "".join(parts)
    assert regular_expressions(text).matches(name) is (re.fullmatch(text, name) is not None)
