"""The visitors' votes on "which network is more reasonable?", for the teacher: in this server's memory, bounded.

One vote for each visitor and question; a later one takes the place of the former. Nothing about a visitor is kept but a
random number, which lives as long as the session.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

ANSWERS = 5  # clearly A, rather A, both alike, rather B, clearly B
MOST_POLLS, MOST_VOTERS = 200, 1000  # the oldest go


class Polls:
    """Answers 0..4 by question and voter; safe to use from many threads.

    >>> polls = Polls()
    >>> polls.vote("q", "one", 0), polls.vote("q", "two", 4), polls.vote("q", "one", 1)
    (None, None, None)
    >>> polls.tally("q"), polls.tally("another")
    ([0, 1, 0, 0, 1], [0, 0, 0, 0, 0])
    """

    def __init__(self, polls: int = MOST_POLLS, voters: int = MOST_VOTERS) -> None:
        self._most = polls, voters
        self._polls: OrderedDict[Hashable, OrderedDict[str, int]] = OrderedDict()
        self._lock = threading.Lock()

    def vote(self, question: Hashable, voter: str, answer: int) -> None:
        """Take a vote; ValueError unless the answer is 0..4."""
        if not 0 <= answer < ANSWERS:
            raise ValueError(f"answer is 0 to {ANSWERS - 1}; got {answer}.")
        with self._lock:
            votes = self._polls.setdefault(question, OrderedDict())
            self._polls.move_to_end(question)
            votes[voter] = answer
            votes.move_to_end(voter)
            while len(votes) > self._most[1]:
                votes.popitem(last=False)
            while len(self._polls) > self._most[0]:
                self._polls.popitem(last=False)

    def of(self, question: Hashable, voter: str) -> int | None:
        """Return what this visitor has said, None if nothing yet."""
        with self._lock:
            return self._polls.get(question, OrderedDict()).get(voter)

    def tally(self, question: Hashable) -> list[int]:
        """Return how many said each answer."""
        with self._lock:
            said = list(self._polls.get(question, OrderedDict()).values())
        return [said.count(n) for n in range(ANSWERS)]


VOTES = Polls()
