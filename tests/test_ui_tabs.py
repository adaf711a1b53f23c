"""The lab above the tabs: what its own runs do, which AppTest never has, for it runs whole pages only."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.delta_generator import DeltaGenerator

from ui import tabs


class Rerun(Exception):
    """`st.rerun`."""


class Page:
    """A page whose fragments can be run by themselves, as Streamlit does when a control in them is pressed."""

    def __init__(self, monkeypatch):
        self.fragments, self.now, self.log = [], {}, []
        stub = SimpleNamespace(session_state=self.now, container=DeltaGenerator, rerun=self.rerun,
                               fragment=lambda part: self.fragments.append(part) or part)  # fmt: skip
        monkeypatch.setattr(tabs, "st", stub)

    def rerun(self):
        raise Rerun

    def run(self, alone=True, part=None, ends=False, messages=()):
        """Run the page up to its lab, and to its tabs unless it `ends` before."""
        self.fragments.clear()
        tabs.hold(list(messages))
        shown = tabs.lab(part or self.part, alone, lambda shown: self.log.append(("after", shown)))
        if not ends:
            self.now[tabs.WHOLE] = max(0, self.now.get(tabs.WHOLE, 0) - 1)  # as `tabs.show` does
            self.now[tabs.BROKEN] = False
        return shown

    def part(self):
        self.log.append(("part", tabs.held()))
        return 7


@pytest.fixture
def page(monkeypatch):
    return Page(monkeypatch)


def test_a_lab_alone_runs_its_part_and_what_follows_it_and_forgets_messages(page):
    assert page.run(messages=["hot"]) == 7
    assert page.log == [("part", ["hot"])]
    assert page.fragments[0]() == 7
    assert page.log[1:] == [("part", []), ("after", 7)]


def test_after_a_page_that_ended_before_its_tabs_the_lab_brings_the_page_back(page):
    page.run(ends=True)
    with pytest.raises(Rerun):
        page.fragments[0]()
    page.run()
    page.fragments[0]()


def test_a_lab_that_is_part_of_the_page_is_a_place_of_the_same_name(page):
    """What an earlier fragment left on the screen knows it by that name: whoever presses there gets the whole page."""
    page.run()
    named = page.fragments[0].__qualname__
    assert page.run(alone=False) == 7
    assert page.fragments[0].__qualname__ == named
    done = len(page.log)
    with pytest.raises(Rerun):
        page.fragments[0]()
    assert len(page.log) == done


def test_before_long_work_the_lab_gives_way_and_keeps_its_messages(page):
    def long():
        page.log.append(tabs.held())
        if len(page.log) == 1:
            tabs.whole()

    with pytest.raises(Rerun):
        page.run(part=long, messages=["hot"])
    page.run(part=long)
    assert page.log == [["hot"], ["hot"]], "the run that was asked for still shows them"
    with pytest.raises(Rerun):
        page.fragments[0]()  # it was no fragment: the work could be interrupted
    page.run(part=long)
    assert page.log[2:] == [[]], "and no later one"


def test_messages_of_one_page_are_not_anothers(page):
    page.run(alone=False, part=tabs.whole, messages=["hot"], ends=True)
    page.run(part=page.part)
    assert page.log == [("part", [])]


def test_a_lab_in_a_lab_does_not_wait_for_the_pages_tabs(page):
    def outer():
        return tabs.lab(page.part, True)

    page.run(part=outer)
    inner = page.fragments[-1] if len(page.fragments) > 1 else None
    assert inner is not None
    assert not page.now[tabs.BROKEN]
    page.fragments[0]()
    assert not page.now[tabs.BROKEN], "its own run leaves the page's tabs as they are"
