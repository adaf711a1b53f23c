"""From a picture and choices to logits, once, and to the maps computed from them, each kept in the bounded cache."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab import zoo
from seglab.download import WeightsError
from seglab.types import Labels, Logits, Palette
from ui import cache, jobs, tabs, warm
from ui.legend import areas
from ui.picker import Photo
from ui.texts import segment as text

if TYPE_CHECKING:
    from seglab.inference import Options
    from seglab.runtime import Loaded
    from seglab.zoo import ModelSpec

RETRY_AFTER = 300.0  # seconds in which a download that failed isn't tried again by itself


@dataclass(frozen=True)
class Run:
    """A picture's logits by a model, and what is read off them at a temperature and a threshold."""

    photo: Photo
    loaded: Loaded
    options: Options
    logits: Logits
    ms: float
    peak: int
    temperature: float
    threshold: float
    notice: str = ""  # what was done otherwise than asked, for want of memory
    fresh: bool = True  # the network ran just now; otherwise the logits were kept
    made: dict[tuple[float, float], Labels] = field(default_factory=dict)  # labels asked for: the same array each time

    @property
    def spec(self) -> ModelSpec:
        """The model's entry in the zoo."""
        return zoo.get(self.loaded.key)

    @property
    def palette(self) -> Palette:
        """The model's classes."""
        return self.loaded.palette

    def labels(self, temperature: float | None = None, threshold: float | None = None) -> Labels:
        """Return the labels at the chosen temperature and threshold, or at those given."""
        from seglab import maps

        t, least = self._settings(temperature, threshold)
        if (t, least) not in self.made:
            self.made[t, least] = self._kept(("labels", t, least), lambda: maps.labels(
                self.logits, self.photo.size, temperature=t, threshold=least
            ))  # fmt: skip
        return self.made[t, least]

    def areas(self, temperature: float | None = None, threshold: float | None = None) -> NDArray[np.int64]:
        """Return `ui.legend.areas` of those labels; kept longer than they are, so often without making them again."""
        t, least = self._settings(temperature, threshold)
        key = *self.key, "areas", t, least
        return cache.kept(cache.NUMBERS, key, lambda: areas(self.labels(t, least), len(self.palette)))

    def heat(self, view: str, k: int | tuple[int, ...] = 0) -> NDArray[np.float32]:
        """Return a view's map (H, W) in 0..1: "probability" of class k (or any of several), "entropy" or "margin"."""
        from seglab import maps

        make = {
            "probability": lambda: maps.probability(self.logits, self.photo.size, k, temperature=self.temperature),
            "entropy": lambda: maps.entropy(self.logits, self.photo.size, temperature=self.temperature),
            "margin": lambda: maps.margin(self.logits, self.photo.size, temperature=self.temperature),
        }
        key = view, k if view == "probability" else 0, self.temperature
        # In 16 bits, of which a picture shows 8: half the memory.
        return self._kept(key, lambda: make[view]().astype(np.float16)).astype(np.float32)

    def confidence(self, temperature: float | None = None) -> float:
        """Return the mean probability of the best class."""
        from seglab import maps

        t = self.temperature if temperature is None else temperature
        key = *self.key, "confidence", t
        return cache.kept(cache.NUMBERS, key, lambda: maps.mean_confidence(self.logits, temperature=t))

    def top(self, x: int, y: int) -> list[tuple[int, float]]:
        """Return the five most probable classes of a pixel."""
        from seglab import maps

        return maps.top(self.logits, self.photo.size, x, y, temperature=self.temperature)

    def parameters(self) -> int:
        """Return how many numbers the network has learnt."""
        from seglab import runtime

        return runtime.cost(self.loaded, *self._largest()).parameters

    def macs(self) -> int:
        """Return the multiply-adds of all forward passes that these options take."""
        from seglab import inference, runtime

        sizes = inference.passes(self.photo.size, self.loaded.preprocess, self.options)
        return sum(runtime.cost(self.loaded, *size).macs * n for size, n in Counter(sizes).items())

    def device(self) -> str:
        """Return where it ran, and in which precision."""
        return f"{self.loaded.device} · {self.options.precision}"

    def _largest(self) -> tuple[int, int]:
        from seglab import inference

        return max(inference.passes(self.photo.size, self.loaded.preprocess, self.options))

    @property
    def key(self) -> tuple[str, str, Options]:
        """What the logits depend on."""
        return self.photo.hash, self.loaded.weights_hash, self.options

    def _settings(self, temperature: float | None, threshold: float | None) -> tuple[float, float]:
        """Return what the labels depend on, where not given as chosen: without a threshold not on the temperature."""
        least = self.threshold if threshold is None else threshold
        t = self.temperature if temperature is None else temperature
        return (t if least else 1.0), least

    def _kept(self, what: tuple[Any, ...], make: Any) -> Any:
        return cache.kept(cache.MAPS, (*self.key, *what), make)


def load(key: str, default: str | None = None) -> tuple[Loaded, str | None]:
    """Return the model, or the embedded `default` and a message if its weights can't be fetched. Shows the progress.

    A failed download isn't tried again for a while, so that every move of a control doesn't wait for the network.
    """
    from seglab import runtime

    failed: dict[str, tuple[float, str]] = st.session_state.setdefault("model.failed", {})
    if key in failed and not zoo.weights_here(key) and time.monotonic() - failed[key][0] < RETRY_AFTER:
        return runtime.model(default or zoo.DEFAULT), failed[key][1]
    title = zoo.get(key).title
    slot = st.empty()

    def show(done: int, total: int) -> None:
        if total:
            line = text.DOWNLOADING.format(title=title, done=done / 1e6, total=total / 1e6)
            slot.progress(min(done / total, 1.0), line)
        else:
            slot.caption(text.LOADING.format(title=title))

    loaded, message = jobs.watch(
        ("model", key), lambda progress, _: runtime.model_or_default(key, progress, default), show
    )
    slot.empty()
    failed.pop(key, None)
    if message:
        failed[key] = time.monotonic(), message
    st.session_state["model.offline"] = bool(failed)
    return loaded, message


def is_kept(photo: Photo, key: str, options: Options) -> bool:
    """Whether the logits of model `key` are in the cache, so that no network has to run."""
    return zoo.weights_here(key) and (photo.hash, zoo.weights_hash(key), options) in cache.LOGITS


def is_plain_kept(photo: Photo, key: str) -> bool:
    """Whether the logits of model `key` with nothing chosen beside it are in the cache."""
    if not warm.ready():  # else torch would be imported here
        return False
    from seglab.inference import Options

    return is_kept(photo, key, Options())


def run(photo: Photo, loaded: Loaded, options: Options, temperature: float, threshold: float) -> Run:
    """Return the picture's logits and what goes with them; runs the network, with progress, unless they are kept."""
    from seglab import inference, runtime

    key = photo.hash, loaded.weights_hash, options

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> tuple[Logits, float, int, str]:
        def make() -> tuple[Logits, float, int, str]:
            notices: list[str] = []
            with runtime.peak_memory() as peak:
                logits = inference.logits(
                    photo.image, loaded, options, progress=progress, cancel=cancel, notice=notices.append
                )
            return logits, peak.ms, peak.bytes, " ".join(notices[-1:])

        return cache.kept(cache.LOGITS, key, make)

    slot = st.empty()

    def show(done: int, total: int) -> None:
        title = zoo.get(loaded.key).title
        if total > 1:
            slot.progress(done / total, text.RUNNING_TILES.format(title=title, done=done, total=total))
        elif others := runtime.places().waiting:
            slot.caption(text.BUSY.format(n=others))

    fresh = key not in cache.LOGITS
    # What is kept comes back at once: no thread needed, and nothing to show.
    logits, ms, peak, notice = jobs.watch(key, work, show) if fresh else work(lambda *_: None, lambda: False)
    slot.empty()
    return Run(photo, loaded, options, logits, ms, peak, temperature, threshold, notice, fresh)


@contextmanager
def told() -> Iterator[None]:
    """Turn what may go wrong on the way to the logits into a message of what to do; the tab or page ends there."""
    from seglab.runtime import OutOfMemory

    try:
        yield
    except OutOfMemory as error:
        st.error(f"{text.OUT_OF_MEMORY} {error}", icon=":material/memory:")
    except (WeightsError, ValueError) as error:
        st.error(str(error), icon=":material/error:")
    else:
        return
    st.button(text.AGAIN)
    tabs.end()
