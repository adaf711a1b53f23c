"""The directions of imports that DESIGN.md sets, read from the source: nothing is imported here."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("seglab", "ui", "pages", "scripts", "tests", "app")
DISTRIBUTION = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn", "pi_heif": "pi-heif",
                "pytorch_grad_cam": "grad-cam"}  # fmt: skip
# What a module of seglab may import at most of seglab; whoever isn't named may import whatever makes no cycle.
ONLY_TYPES = ("losses", "metrics", "upsampling", "draw")
LIGHT = (
    "types", "machine", "palettes", "palettes_coco", "images", "zoo", "cards", "download", "checkpoints", "draw",
    "export", "metrics",
)  # fmt: skip
CHAIN = ("types", "palettes", "nets", "zoo", "runtime", "inference")


def sources(*folders: str) -> list[Path]:
    """Python files of the given folders (or files) of the repository."""
    found = []
    for folder in folders:
        path = ROOT / folder
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def imports(path: Path, *, at_load: bool = False) -> Iterator[str]:
    """Dotted names that a file imports, `from a import b` as a.b; `at_load`: only those that loading the file runs."""
    yield from _imports(ast.parse(path.read_text(encoding="utf-8")), at_load)


def _imports(node: ast.AST, at_load: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute here"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif at_load and (isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _only_types(child)):
            continue
        else:
            yield from _imports(child, at_load)


def _only_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def part(path: Path) -> str:
    """Return the part of seglab that a file belongs to: `seglab/nets/street.py` → nets."""
    return path.relative_to(ROOT / "seglab").parts[0].removesuffix(".py")


def parts_imported(path: Path) -> set[str]:
    """Parts of seglab that a file imports when it is loaded."""
    return {name.split(".")[1] for name in imports(path, at_load=True) if name.startswith("seglab.")}


def top(names: Iterator[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_the_reader_sees_what_it_should(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(
        "import a.b\nfrom c import d\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import e\n"
        "try:\n    import f\nexcept ImportError:\n    pass\ndef g():\n    import h\nclass K:\n    import i\n"
    )
    assert set(imports(file)) == {"a.b", "c.d", "typing.TYPE_CHECKING", "e", "f", "h", "i"}
    assert set(imports(file, at_load=True)) == {"a.b", "c.d", "typing.TYPE_CHECKING", "f", "i"}


@pytest.mark.parametrize("path", sources("seglab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_knows_neither_streamlit_nor_the_pages(path: Path) -> None:
    assert not top(imports(path)) & {"streamlit", "ui", "pages", "app", "scripts"}


@pytest.mark.parametrize("path", sources("app.py", "pages"), ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_hold_no_torch_and_call_page_first(path: Path) -> None:
    assert not top(imports(path)) & {"torch", "torchvision"}
    calls = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.Expr)]
    calls = [ast.unparse(node.value.func) for node in calls if isinstance(node.value, ast.Call)]
    assert calls, "a page calls something"
    assert calls[0].endswith("page"), f"a page calls ui.page.page first, this one {calls[0]}"


@pytest.mark.parametrize(
    "path", sources("app.py", "pages", "ui", "seglab", "scripts"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_nothing_imports_a_page(path: Path) -> None:
    assert not top(imports(path)) & {"pages", "app"}


@pytest.mark.parametrize("path", sources("ui"), ids=lambda path: str(path.relative_to(ROOT)))
def test_shared_parts_of_the_pages_import_torch_only_when_called(path: Path) -> None:
    assert not top(imports(path, at_load=True)) & {"torch", "torchvision"}
    assert not parts_imported(path) & {"inference", "runtime", "maps", "nets"}


@pytest.mark.parametrize("path", sources("seglab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_formulas_import_at_most_types(path: Path) -> None:
    if part(path) in ONLY_TYPES:
        assert parts_imported(path) <= {"types", part(path)}


@pytest.mark.parametrize("path", sources("seglab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_light_parts_load_without_torch(path: Path) -> None:
    if part(path) in LIGHT:
        assert not top(imports(path, at_load=True)) & {"torch", "torchvision"}


@pytest.mark.parametrize("path", sources("seglab"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_chain_runs_one_way(path: Path) -> None:
    if part(path) in CHAIN:
        later = set(CHAIN[CHAIN.index(part(path)) + 1 :])
        assert not parts_imported(path) & later


def test_no_part_of_the_library_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in sources("seglab"):
        graph.setdefault(part(path), set()).update(parts_imported(path) - {part(path)})
    while free := [name for name, needed in graph.items() if not needed & graph.keys()]:
        for name in free:
            del graph[name]
    assert not graph, f"these import each other: {graph}"


def test_requirements_are_what_is_imported_and_nothing_more() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {re.match(r"[A-Za-z0-9_.-]+", line)[0] for line in lines if line.strip() and not line.startswith("#")}
    used = set()
    for path in sources("app.py", "pages", "ui", "seglab"):
        used |= top(imports(path)) - sys.stdlib_module_names - set(OURS)
        # pictures that lie inside a package are used by its name: Picture("china", ..., "sklearn", "datasets/...")
        used |= set(re.findall(r'"(sklearn|skimage)"', path.read_text(encoding="utf-8")))
    assert listed == {DISTRIBUTION.get(name, name) for name in used}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_bounded_from_below_and_above(name: str) -> None:
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith(("#", "-r ")):
            assert re.fullmatch(r"[a-z0-9-]+>=[\d.]+(,!=[\d.]+\*)?,<\d+", line), line
