"""Torch takes seconds to import: it is done in the background, once per server, after the first page has gone out.

So are the other large libraries that a page imports when it first needs them.
"""

from __future__ import annotations

import gc
import importlib
import logging
import threading
import time

log = logging.getLogger(__name__)
_lock = threading.Lock()
_done = threading.Event()
_thread: threading.Thread | None = None

LARGE = ("torchvision", "plotly.graph_objects", "pandas", "scipy.ndimage", "scipy.signal")


def start() -> None:
    """Start warming unless this server has done so; returns at once. Call it from a page's script thread."""
    global _thread
    with _lock:
        if _thread is None:
            page = threading.current_thread()
            _thread = threading.Thread(target=_warm, args=(page,), name="seglab-warm", daemon=True)
            _thread.start()


def ready() -> bool:
    """Return whether torch is imported and the default model is in memory (or was found to be missing)."""
    return _done.is_set()


def _warm(page: threading.Thread) -> None:
    # The import holds the interpreter's lock most of the time. Streamlit draws each run of a page in a thread that ends
    # with the run, so waiting for it, and a moment for its messages to leave, keeps the first page quick.
    page.join(timeout=10)
    time.sleep(0.3)
    try:
        began = time.perf_counter()
        from seglab import runtime, zoo

        if zoo.weights_here(zoo.DEFAULT):
            runtime.model(zoo.DEFAULT)
        else:
            runtime.device()
        log.info("torch is warm after %.1f s", time.perf_counter() - began)
    except Exception:  # a page that needs torch will meet the same error and show it to the person
        log.exception("Warming torch in the background failed; pages will import it themselves.")
    finally:
        _done.set()
        _import_others()
        # Streamlit collects garbage after each run of a page. Modules and models stay for good: looking at all of them
        # again each time took 150 to 200 ms, in which no other visitor was served. Once, here, and not when a visitor
        # first looks at a page that imports more: that held up everybody for 130 ms.
        gc.collect()
        gc.freeze()


def _import_others() -> None:
    for name in LARGE:
        try:
            importlib.import_module(name)
        except Exception:  # as above
            log.exception("Importing %s in the background failed; pages will import it themselves.", name)
