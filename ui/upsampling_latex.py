"""Formulas of the page "Upsampling" in lines that a phone has room for."""

from __future__ import annotations

import re

ROOM = 30  # characters of a line, commands apart


def broken(formula: str, terms: int = 99) -> str:
    r"""Write "left = right = …" in LaTeX with a line for each "=", and so many terms of a sum in a line at most.

    What comes after the last "=" stays in the line before where it fits. Neither may be inside braces.

    >>> broken("a = b + c + d = 7", 2)
    '\\begin{aligned} a &= b + c \\\\ &\\quad + d = 7 \\end{aligned}'
    """
    left, *rights = formula.split(" = ")
    lines: list[str] = []
    for n, right in enumerate(rights):
        parts = right.split(" + ")
        first, *more = (" + ".join(parts[i : i + terms]) for i in range(0, len(parts), terms))
        last = n and n == len(rights) - 1 and not more
        if last and len(re.sub(r"\\[a-zA-Z]+|[{}&]", "", f"{lines[-1]} = {first}")) <= ROOM:
            lines[-1] += f" = {first}"
        else:
            lines.append(f"{'' if n else left} &= {first}".strip())
        lines += [rf"&\quad + {part}" for part in more]
    return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"
