"""How a live run's thread behaves beside the forward passes of other visitors.

A worker computes with one thread, and the app has one for every two cores. Before each step it lets forward
passes go first (`passes_run`), which use all cores: so a pass meets at most the rest of one step. (Seen on one busy
core: 80 ms alone, 96 ms beside a training that gives way, 160 ms beside one that doesn't.) On a GPU passes and
steps don't meet: live runs stay on the CPU, where tiny networks are as fast.
"""

from __future__ import annotations

import threading

import torch

from seglab import devices, runtime


def one_thread() -> None:
    """Let torch compute with this thread alone, for good; other threads, also later ones, are left as they were.

    `torch.set_num_threads` sets this thread's own number and, for threads that torch hasn't met yet, a default. Without
    setting the default back, every page that Streamlit draws in a new thread would compute with one core ever after.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(before,))
    other.start()
    other.join()


def passes_run() -> bool:
    """Whether a forward pass runs or waits on this processor."""
    if devices.device().type != "cpu":
        return False
    places = runtime.places()
    return places.running + places.waiting > 0


def tidy() -> None:
    """Give back to the system what a run's networks and tensors took."""
    devices.release()
