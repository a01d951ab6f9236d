"""Patterns of users over names of branches and paths: expressions and globs, matched in linear time."""

from workspaces.patterns.automaton import MOST_STATES
from workspaces.patterns.globs import as_expression
from workspaces.patterns.lists import Patterns, globs, regular_expressions
from workspaces.patterns.syntax import PatternError

__all__ = ("MOST_STATES", "PatternError", "Patterns", "as_expression", "globs", "regular_expressions")
