"""Show the code: the current experiment as a short script that gives the same labels, as .py and as .ipynb.

The script uses torch, torchvision, numpy and Pillow; seglab only for weights that are embedded in it. It says every
step of `seglab.inference` in the open, with the parameters that are chosen now; steps that are off aren't there.
"""

from __future__ import annotations

import json

import streamlit as st

from ui import files
from ui.texts import shared as text

MAX_LINES = 40


def notebook(script: str) -> bytes:
    """Return `script` as a Jupyter notebook (nbformat 4.5), one cell per paragraph."""
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"cell-{n}", "execution_count": None, "metadata": {}, "outputs": [],
         "source": part.strip("\n").splitlines(keepends=True)}
        for n, part in enumerate(script.split("\n\n")) if part.strip()
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False).encode()


def show_code(script: str, stem: str, note: str = "", what: str = text.CODE_NOTE) -> None:
    """Show `script` with its downloads; `stem` names the files, `what` says what its n lines do."""
    st.caption(" ".join([what.format(n=script.count("\n")), note]))
    with st.container(horizontal=True):
        files.offer(text.CODE_PY, lambda: script, f"{stem}.py", "text/x-python", key="code.py")
        files.offer(text.CODE_IPYNB, lambda: notebook(script), f"{stem}.ipynb", "application/x-ipynb+json",
                    key="code.ipynb")  # fmt: skip
    st.code(script, language="python")
