"""What the page tests share: open a page by a link, see that it ran, read what it says."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from ui import expander

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("markdown", "caption", "info", "warning", "error")


def opened(page: str, **params: str) -> AppTest:
    """Open pages/{page}.py by a link, as a visitor does, and its expanders."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.switch_page(f"pages/{page}.py")
    for key, value in params.items():
        app.query_params[key] = value
    return ok(unfolded(app).run())


def unfolded(app: AppTest) -> AppTest:
    """Have the expanders open that are filled only while they are."""
    for part in ("losses", "upsampling.roi", "upsampling.roi.bin", "upsampling.stack"):
        app.session_state[expander.key(part)] = True
    return app


def menu(app: AppTest) -> AppTest:
    """Open the menu of pictures; closed, it isn't there at all."""
    app.session_state["picker.menu"] = True
    return ok(app.run())


def ok(app: AppTest) -> AppTest:
    """See that the last run raised nothing."""
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest, *kinds: str) -> str:
    """Return the texts on the page, of all kinds or of those given."""
    return "\n".join(element.value for kind in kinds or KINDS for element in app.get(kind))


def shown(app: AppTest) -> dict[str, str]:
    """Return the numbers in large type, by their labels."""
    return {metric.label: metric.value for metric in app.metric}
