r"""Evaluates the formulas that the pages show, so that a test can compare them with the functions beside them.

The subset of LaTeX: numbers, symbols (`p`, `\alpha`, `\mathrm{TP}`), subscripts, powers, + − / and products by
juxtaposition or \cdot, \frac, \sqrt, \log, \exp, \cosh, \max, \min, \sum_i (or \sum_{i=1}^{N}), ( ), [ ], | |, \left
and \right, and what only spaces (\, \; \quad). `L = …, \quad D = …` are a formula and what its symbols stand for.

A subscript letter that is a key of `ranges` is an index: `p_i` is values["p"][i], `n_{ij}` is values["n"][i, j]; any
other subscript belongs to the name (`w_0` is values["w_0"]). Everything is computed with plain floats, index by index:
slow, and so simple that it can be trusted. \sum takes the product that follows it, up to the next + or −; a function
without parentheses takes one factor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

import numpy as np

Index = Mapping[str, int]
Node = Callable[[Index], float]
Value = Callable[[Index, tuple[str, ...]], float]

WORD = r"\\(?:mathrm|text|mathcal)\{\w+\}"
LEFT = re.compile(rf"\s*({WORD}|\\?[a-zA-Z]+)\s*(_\{{?\w+\}}?)?\s*=")
TOKEN = re.compile(rf"{WORD}|\\[a-zA-Z]+|\\[,;:! ]|\d+\.?\d*|\S")
SPACE = {r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", r"\left", r"\right", r"\bigl", r"\bigr"}
CLOSE = {"(": ")", "[": "]", "{": "}", "|": "|"}
FUNCTIONS = {r"\log": math.log, r"\exp": math.exp, r"\cosh": math.cosh, r"\max": max, r"\min": min}


def evaluate(latex: str, values: Mapping[str, object], **ranges: int) -> float:
    """Return the formula's value; `values` by name without backslash ("p", "alpha", "TP"), `ranges` by index letter.

    ValueError for what isn't understood and for a symbol without a value: nothing is passed over in silence.
    """
    first, *rest = re.split(r",\s*\\quad", latex)
    lookup: dict[str, Value] = {}
    for name, value in values.items():
        lookup[name] = _constant(np.asarray(value, np.float64))
    for text in rest:
        left = LEFT.match(text)
        if left is None:
            raise ValueError(f"Wanted a definition, name = formula; got {text}")
        formal = tuple(t for t in _tokens(left[2] or "") if t in ranges)
        lookup[_name(left[1])] = _definition(_Parser(text[left.end() :], lookup, ranges).formula(), formal)
    left = LEFT.match(first)
    return _Parser(first[left.end() if left else 0 :], lookup, ranges).formula()({})


def symbols(latex: str) -> set[str]:
    """Return all names in a formula, without backslash, as far as they are single letters or commands."""
    return {token.lstrip("\\") for token in _tokens(latex) if re.fullmatch(r"\\?[a-zA-Z]+", token)}


def _tokens(text: str) -> list[str]:
    return [token for token in TOKEN.findall(text) if token not in SPACE]


def _constant(value: np.ndarray) -> Value:
    return lambda at, letters: float(value[tuple(at[letter] for letter in letters)])


def _definition(node: Node, formal: tuple[str, ...]) -> Value:
    return lambda at, letters: node({own: at[letter] for own, letter in zip(formal, letters, strict=True)})


def _name(token: str) -> str:
    return re.sub(r"\\(?:mathrm|text|mathcal)\{(\w+)\}", r"\1", token).lstrip("\\")


class _Parser:
    """Recursive descent: each method reads its part and returns a function from index values to a float."""

    def __init__(self, text: str, lookup: dict, ranges: Mapping[str, int]) -> None:
        self.tokens, self.at = _tokens(text), 0
        self.lookup, self.ranges = lookup, ranges

    def formula(self) -> Node:
        node = self.sum("")
        if self.peek():
            raise ValueError(f"Not understood from here: {' '.join(self.tokens[self.at :])}")
        return node

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise ValueError(f"Wanted {wanted or 'more'}, found {token or 'the end'} in {' '.join(self.tokens)}")
        self.at += 1
        return token

    def sum(self, end: str) -> Node:
        """Terms with + and − between them, up to the token `end`, which is left."""
        node: Node = lambda at: 0.0  # noqa: E731
        while True:
            sign = -1.0 if self.peek() == "-" else 1.0
            if self.peek() in ("+", "-"):
                self.take()
            node = (lambda a, s, b: lambda at: a(at) + s * b(at))(node, sign, self.product(end))
            if self.peek() not in ("+", "-"):
                return node

    def product(self, end: str) -> Node:
        node = self.factor()
        while self.peek() not in ("", "+", "-", ",", ")", "]", "}", end):
            divide = self.peek() == "/"
            if self.peek() in ("/", r"\cdot"):
                self.take()
            node = (
                lambda a, b, d: lambda at: a(at) / b(at) if d else a(at) * b(at)
            )(node, self.factor(), divide)  # fmt: skip
        return node

    def factor(self) -> Node:
        node = self.base()
        if self.peek() == "^":
            self.take()
            power = self.argument()
            return lambda at: node(at) ** power(at)
        return node

    def argument(self) -> Node:
        """A group {…} or a single token, as after ^."""
        return self.group() if self.peek() == "{" else self.base()

    def group(self) -> Node:
        end = CLOSE[self.take()]
        node = self.sum(end)
        self.take(end)
        return node

    def base(self) -> Node:
        token = self.peek()
        if token in ("(", "[", "{"):
            return self.group()
        self.take()
        if token == "|":
            inside = self.sum("|")
            self.take("|")
            return lambda at: abs(inside(at))
        if re.fullmatch(r"\d+\.?\d*", token):
            return lambda at: float(token)
        if token == r"\frac":
            top, bottom = self.group(), self.group()
            return lambda at: top(at) / bottom(at)
        if token == r"\sqrt":
            root = self.group()
            return lambda at: math.sqrt(root(at))
        if token == r"\sum":
            return self.summation()
        if token in FUNCTIONS:
            return self.call(FUNCTIONS[token])
        return self.symbol(token)

    def call(self, function: Callable[..., float]) -> Node:
        if function in (max, min):
            self.take("(")
            parts = [self.sum(",")]
            while self.peek() == ",":
                self.take()
                parts.append(self.sum(","))
            self.take(")")
            return lambda at: function(*(part(at) for part in parts))
        part = self.factor()
        return lambda at: function(part(at))

    def summation(self) -> Node:
        self.take("_")
        letter = self.subscript()[0]
        if self.peek() == "^":
            self.take()
            self.argument()
        term = self.product("")
        n = self.ranges[letter]
        return lambda at: sum(term({**at, letter: k}) for k in range(n))

    def subscript(self) -> list[str]:
        """The tokens of a subscript, up to an = in it."""
        if self.peek() != "{":
            return [self.take()]
        self.take()
        tokens = []
        while self.peek() != "}":
            tokens.append(self.take())
        self.take()
        return tokens[: tokens.index("=")] if "=" in tokens else tokens

    def symbol(self, token: str) -> Node:
        name = _name(token)
        letters: tuple[str, ...] = ()
        if self.peek() == "_":
            self.take()
            tokens = self.subscript()
            if all(t in self.ranges for t in tokens):
                letters = tuple(tokens)
            else:
                name += "_" + "".join(tokens)
        if name not in self.lookup:
            raise ValueError(f"No value for {name!r}; there are {', '.join(self.lookup)}")
        value = self.lookup[name]
        return lambda at: value(at, letters)
