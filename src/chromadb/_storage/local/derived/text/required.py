"""The texts that every match of a regular expression contains: what an index can look up before the pattern is run.

Too little is harmless, too much would lose matches. So whatever this parser does not know for certain to mean in RE2
what it means here makes it give up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from chromadb._model.where import MatchDocument

MAX_DEPTH = 50
"""How deep groups may be nested; they are parsed by recursion."""


@dataclass(frozen=True)
class Text:
    """This text occurs, in upper or lower case."""

    text: str


@dataclass(frozen=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Required, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Required, ...]


Required: TypeAlias = Text | AllOf | AnyOf


def required_text(match: MatchDocument) -> Required | None:
    """Return what the documents that match have to contain, or None if that is not known.

    Upper and lower case are one, for ASCII letters, "K" (Kelvin) and "ſ" (long s) among them.
    """
    if match.operator == "$contains":
        return Text(match.operand)
    if match.operator != "$regex":
        return None
    try:
        return _Parser(match.operand).parse()
    except _UnsupportedError:
        return None


class _UnsupportedError(Exception):
    """The pattern has something that this parser does not know."""


class _Piece(NamedTuple):
    """A part of a pattern: it matches `text` and nothing else, or else its matches contain `required`."""

    text: str | None
    required: Required | None = None

    def requires(self) -> Required | None:
        return Text(self.text) if self.text else self.required


_EMPTY = _Piece("")
_ANYTHING = _Piece(None)

_COUNT = re.compile(r"\{([0-9]+)(?:,[0-9]*)?\}")
_GROUP = re.compile(r"\?(?:P?<[A-Za-z_][A-Za-z_0-9]*>|([imsU]*)(?:-([imsU]+))?([:)]))")
_CLASS = re.compile(
    # Each alternative begins like no other, so there is one way to read a class, and no backtracking to another.
    r"(?:\^|(?!\^))(?:\]|(?!\]))"
    r"(?:[^\]\[\\]|\[:\^?[a-z]+:\]|\[(?!:)|\\x[0-9A-Fa-f]{2}|\\x\{[0-9A-Fa-f]+\}"
    r"|\\[pP](?:[A-Za-z]|\{\^?\w+\})|\\[dDsSwWafnrtv]|\\[^A-Za-z0-9])*\]",
    re.DOTALL,
)
_CHARACTER = re.compile(r"x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,6})\}")
_PROPERTY = re.compile(r"[pP](?:[A-Za-z]|\{\^?\w+\})")
_CONTROL = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class _Parser:
    """Recursive descent over a pattern that RE2 has accepted."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._any_case = False

    def parse(self) -> Required | None:
        piece = self._alternatives(0)
        if self._at < len(self._pattern):
            raise _UnsupportedError
        return piece.requires()

    def _alternatives(self, depth: int) -> _Piece:
        if depth > MAX_DEPTH:
            raise _UnsupportedError
        branches = [self._sequence(depth)]
        while self._take("|"):
            branches.append(self._sequence(depth))
        if len(branches) == 1:
            return branches[0]
        parts = tuple(required for branch in branches if (required := branch.requires()) is not None)
        return _Piece(None, AnyOf(parts)) if len(parts) == len(branches) else _ANYTHING

    def _sequence(self, depth: int) -> _Piece:
        parts: list[Required] = []
        run = ""
        exact = True
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            piece, once = self._repeated(self._atom(depth))
            if piece.text is not None and once:
                run += piece.text
                continue
            exact = False
            # What is repeated at least once stands before what follows, and after what went before.
            run += piece.text or ""
            parts += [required for required in (Text(run) if run else None, piece.required) if required is not None]
            run = piece.text or ""
        if exact:
            return _Piece(run)
        if run:
            parts.append(Text(run))
        return _Piece(None, AllOf(tuple(parts)) if parts else None)

    def _repeated(self, piece: _Piece) -> tuple[_Piece, bool]:
        """Return the piece with the repetitions that follow it, and whether it occurs exactly once."""
        once = True
        while self._at < len(self._pattern):
            count = _COUNT.match(self._pattern, self._at)
            if count is not None:
                self._at = count.end()
                least = int(count[1])
            elif self._pattern[self._at] in "*+?":
                least = 1 if self._pattern[self._at] == "+" else 0
                self._at += 1
            else:
                break
            self._take("?")
            once = False
            if least == 0:
                piece = _ANYTHING
        return piece, once

    def _atom(self, depth: int) -> _Piece:
        char = self._pattern[self._at]
        self._at += 1
        if char == "(":
            return self._group(depth)
        if char == "[":
            self._match(_CLASS)
            return _ANYTHING
        if char == "\\":
            return self._escape()
        if char == ".":
            return _ANYTHING
        if char in "^$":
            return _EMPTY
        if char in "*+?{":
            raise _UnsupportedError
        return self._literal(char)

    def _group(self, depth: int) -> _Piece:
        outside = self._any_case
        if self._pattern.startswith("?", self._at):
            group = self._match(_GROUP)
            if "i" in (group[1] or ""):
                self._any_case = True
            if "i" in (group[2] or ""):
                self._any_case = False
            if group[3] == ")":
                # Flags alone hold to the end of the group that they stand in. To RE2, what repeats them repeats what
                # stands before them.
                if self._pattern[self._at : self._at + 1] in tuple("*+?{"):
                    raise _UnsupportedError
                return _EMPTY
        piece = self._alternatives(depth + 1)
        if not self._take(")"):
            raise _UnsupportedError
        self._any_case = outside
        return piece

    def _escape(self) -> _Piece:
        char = self._pattern[self._at : self._at + 1]
        if char in ("p", "P"):
            self._match(_PROPERTY)
            return _ANYTHING
        if char == "x":
            code = self._match(_CHARACTER)
            return self._literal(chr(int(code[1] or code[2], 16)))
        self._at += 1
        if char in ("d", "D", "s", "S", "w", "W"):
            return _ANYTHING
        if char in ("A", "b", "B", "z"):
            return _EMPTY
        if char in _CONTROL:
            return self._literal(_CONTROL[char])
        if char.isascii() and char.isprintable() and char and not char.isalnum():
            return self._literal(char)
        raise _UnsupportedError

    def _literal(self, char: str) -> _Piece:
        # Beyond ASCII, RE2 knows equivalents in other cases that depend on its version of Unicode.
        return _ANYTHING if self._any_case and not char.isascii() else _Piece(char)

    def _match(self, expected: re.Pattern[str]) -> re.Match[str]:
        match = expected.match(self._pattern, self._at)
        if match is None:
            raise _UnsupportedError
        self._at = match.end()
        return match

    def _take(self, char: str) -> bool:
        taken = self._pattern.startswith(char, self._at)
        self._at += taken
        return taken
