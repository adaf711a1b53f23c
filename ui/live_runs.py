"""The live runs as pages use them: each session's own, on this server's few threads.

Who has left is asked of Streamlit: a session whose connection is gone isn't active. Streamlit keeps it for two minutes,
in case the connection comes back; so do the runs (`seglab.live.runs.GRACE`), without working meanwhile.
"""

from __future__ import annotations

from functools import cache

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from seglab import machine
from seglab.live import History, Make, Run, Runs

PER_WORKER = 4  # runs that may have begun for each thread: each gets a quarter of its time at worst


def workers() -> int:
    """Return how many runs work at the same moment here, each with one thread: one for every two cores, at least one.

    >>> workers() >= 1
    True
    """
    return max(1, machine.cores() // 2)


@cache
def runs() -> Runs:
    """Return the server's runs; no thread is started, and torch isn't imported, before the first one."""
    n = workers()
    return Runs(n, n * PER_WORKER, alive=is_here, prepare=_prepare, gives_way=_gives_way, tidy=_tidy)


def session() -> str:
    """Return the id of the session whose script is running; "" outside of one."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def is_here(session: str) -> bool:
    """Whether a session's browser is connected; without a server, as in tests, everybody is here."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


def start(name: str, make: Make, history: History | None = None) -> Run:
    """Begin this session's run of that name, see `Runs.start`."""
    return runs().start(session(), name, make, history)


def current(name: str) -> Run | None:
    """Return this session's run of that name, ended or not; None: there is none."""
    return runs().find(session(), name)


def _prepare() -> None:
    from seglab.live import threads

    threads.one_thread()


def _gives_way() -> bool:
    from seglab.live import threads

    return threads.passes_run()


def _tidy() -> None:
    from seglab.live import threads

    threads.tidy()
