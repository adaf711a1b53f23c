"""A page's choices as plain values: read from a link, checked, kept in the session, written back into the link.

A link is written by strangers. Each field says what it accepts; anything else becomes its default and a message,
never an exception. Only values that differ from the default are written, so that links stay short.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool
MAX_LENGTH = 120  # characters of one value; a longer one is no choice of ours


@dataclass(frozen=True)
class Field:
    """One choice: `key` names it in link and session, `parse` raises ValueError saying what it accepts.

    `only_if`, a key and a value: it counts only where an earlier field has that value; otherwise links neither say nor
    change it.
    """

    key: str
    default: Value
    parse: Callable[[str], Value]
    longest: int = MAX_LENGTH
    only_if: tuple[str, Value] | None = None

    def counts(self, values: Mapping[Any, Any]) -> bool:
        """Whether it counts with these values."""
        return self.only_if is None or values.get(self.only_if[0]) == self.only_if[1]


def choice(key: str, default: Value, options: Iterable[Value]) -> Field:
    """Return a field that accepts one of `options`.

    >>> choice("view", "labels", ("labels", "entropy")).parse("entropy")
    'entropy'
    """
    known = {text(option): option for option in options}

    def parse(value: str) -> Value:
        if value not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return known[value]

    return Field(key, default, parse)


def number(key: str, default: float, low: float, high: float) -> Field:
    """Return a field that accepts a finite number from `low` to `high`.

    >>> number("t", 1.0, 0.25, 4.0).parse("2")
    2.0
    """

    def parse(value: str) -> Value:
        try:
            result = float(value)
        except ValueError:
            result = math.nan
        if not low <= result <= high:  # NaN fails this too
            raise ValueError(f"a number from {low:g} to {high:g}")
        return result

    return Field(key, default, parse)


def whole(key: str, default: int, low: int, high: int) -> Field:
    """Return a field that accepts a whole number from `low` to `high`.

    >>> whole("n", 1, 0, 9).parse("7")
    7
    """

    def parse(value: str) -> Value:
        if not value.isascii() or not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return Field(key, default, parse)


def flag(key: str, default: bool = False) -> Field:
    """Return a field that accepts 0 and 1."""
    return choice(key, default, (False, True))


def words(key: str, default: str = "", longest: int = 60) -> Field:
    """Return a field that accepts any one-line text up to `longest` characters; who uses it checks the meaning."""

    def parse(value: str) -> Value:
        if len(value) > longest or not value.isprintable():
            raise ValueError(f"a text of one line, at most {longest} characters")
        return value

    return Field(key, default, parse, max(longest, MAX_LENGTH))


def text(value: Value) -> str:
    """Write a value as it stands in a link: flags as 0 and 1, numbers without trailing zeros."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def defaults(fields: Iterable[Field]) -> dict[str, Value]:
    """Return every field's default."""
    return {field.key: field.default for field in fields}


def read(fields: Iterable[Field], params: Mapping[str, str]) -> tuple[dict[str, Value], list[str]]:
    """Return the values that a link asks for, and a message per value that couldn't be taken. Never raises.

    A field that doesn't count has no value.

    >>> read([number("t", 1.0, 0.25, 4.0)], {"t": "hot"})
    ({'t': 1.0}, ['`t` in the link was `hot`; it must be a number from 0.25 to 4. It is now 1.'])
    """
    values: dict[str, Value] = {}
    messages = []
    for field in fields:
        if not field.counts(values):
            continue
        values[field.key] = field.default
        if field.key in params:
            asked = str(params[field.key])
            try:
                if len(asked) > field.longest:
                    raise ValueError(f"at most {field.longest} characters")
                values[field.key] = field.parse(asked)
            except ValueError as error:
                messages.append(
                    f"`{field.key}` in the link was `{plain(asked)}`; it must be {error}. "
                    f"It is now {text(field.default) or 'empty'}."
                )
    return values, messages


def write(fields: Iterable[Field], values: Mapping[Any, Any]) -> dict[str, str]:
    """Return the link's parameters for `values`: those that differ from the default, and aren't longer than is read.

    >>> write([flag("flip")], {"flip": True})
    {'flip': '1'}
    """
    return {
        field.key: text(values[field.key])
        for field in fields
        if field.key in values
        and field.counts(values)
        and text(values[field.key]) != text(field.default)
        and len(text(values[field.key])) <= field.longest
    }


def plain(value: str, longest: int = 60) -> str:
    """Make a stranger's text safe to show inside Markdown: one line, no markup, cut to `longest` characters.

    >>> plain("<b>[x](y)</b>")
    'b x y b'
    """
    kept = " ".join("".join(c if c.isalnum() or c in ".,-_+%" else " " for c in value).split())
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def follow_link(
    fields: Iterable[Field], params: Mapping[str, str], session: MutableMapping[Any, Any], page: str
) -> list[str]:
    """Put a link's values into the session if the link is new to this session; return messages about bad values.

    A link is new when it isn't one that this page wrote (`keep_link`) since the address was last seen. Not only the
    last one: while a visitor clicks fast, runs come in whose address is some writings old. A page opened without
    parameters keeps the session's choices, so that they go along from page to page.
    """
    fields = tuple(fields)
    ours = {field.key for field in fields}
    asked = {key: params[key] for key in params if key in ours}
    written: list[dict[str, str]] = session.setdefault(f"{page}.links", [])
    messages: list[str] = []
    seen(fields, params, session, page)
    if asked and asked not in written:
        values, messages = read(fields, asked)
        session.update(values)
        written[:] = [asked]
    for key, value in defaults(fields).items():
        session.setdefault(key, value)
    return messages


def seen(fields: Iterable[Field], params: Mapping[str, str], session: MutableMapping[Any, Any], page: str) -> None:
    """Forget what `keep_link` wrote before the address as it is now: what comes back to it is a link, or a step back.

    `follow_link` does so; a fragment, which follows no link, must do it at the start of each of its runs.
    """
    ours = {field.key for field in fields}
    asked = {key: params[key] for key in params if key in ours}
    written: list[dict[str, str]] = session.setdefault(f"{page}.links", [])
    if asked in written:
        del written[: written.index(asked)]


def keep_link(
    fields: Iterable[Field], params: MutableMapping[str, str], session: MutableMapping[Any, Any], page: str
) -> None:
    """Write the session's choices into the address bar, touching it only when something changed."""
    fields = tuple(fields)
    wanted = write(fields, session)
    ours = {field.key for field in fields}
    for key in [key for key in params if key in ours and key not in wanted]:
        del params[key]
    if changed := {key: value for key, value in wanted.items() if params.get(key) != value}:
        params.update(changed)  # one message to the browser; what is as it was costs none
    written: list[dict[str, str]] = session.setdefault(f"{page}.links", [])
    if written[-1:] != [wanted]:
        written.append(wanted)
