from __future__ import annotations

import pytest

from ui import presets, segment_state, state
from ui.state import choice, flag, follow_link, keep_link, number, plain, read, seen, words, write

FIELDS = (choice("view", "labels", ("labels", "entropy")), number("temp", 1.0, 0.25, 4.0), flag("flip"), words("cls"))
JUNK = ["", "hot", "nan", "inf", "-inf", "1e999", "0", "5", "<script>", "a" * 10_000, "\x00", "1;drop", "None"]


def test_values_survive_the_way_through_a_link():
    values = {"view": "entropy", "temp": 2.5, "flip": True, "cls": "Sky"}
    link = write(FIELDS, values)
    assert link == {"view": "entropy", "temp": "2.5", "flip": "1", "cls": "Sky"}
    assert read(FIELDS, link) == (values, [])


def test_defaults_make_an_empty_link():
    assert write(FIELDS, state.defaults(FIELDS)) == {}


@pytest.mark.parametrize("junk", JUNK)
def test_junk_becomes_the_default_and_a_message(junk):
    values, messages = read(FIELDS, {"view": junk, "temp": junk})
    assert values["view"] == "labels"
    assert values["temp"] == 1.0
    assert len(messages) == 2
    assert all(len(message) < 250 and "<" not in message for message in messages)


@pytest.mark.parametrize("field", segment_state.FIELDS, ids=lambda field: field.key)
def test_every_field_of_the_page_accepts_its_own_default(field):
    assert field.parse(state.text(field.default)) == field.default


@pytest.mark.parametrize(
    "value", ["[x](javascript:alert(1))", "<b>", "`code`", "https://a.b", "a\nb", "**x**", ":red[x]", "$x$"]
)
def test_plain_leaves_no_markup(value):
    assert not set(plain(value)) & set("[]<>`*:/$\n\\#|~")


def test_plain_is_cut():
    assert len(plain("x" * 1000, 20)) == 20


def test_a_new_link_wins_and_an_own_one_is_left_alone():
    session, params = {}, {"temp": "2"}
    assert follow_link(FIELDS, params, session, "p") == []
    assert session["temp"] == 2.0
    keep_link(FIELDS, params, session, "p")
    session["temp"] = 3.0  # a widget moved: the address still has the old value, which must not come back
    follow_link(FIELDS, params, session, "p")
    assert session["temp"] == 3.0
    keep_link(FIELDS, params, session, "p")
    assert params == {"temp": "3"}


def test_an_address_that_lags_behind_quick_clicks_is_no_new_link():
    session, params = {}, {"temp": "2"}
    follow_link(FIELDS, params, session, "p")
    for temp in (3.0, 4.0):  # two runs, and the browser still has the first address
        session["temp"] = temp
        keep_link(FIELDS, dict(params), session, "p")
        assert follow_link(FIELDS, {"temp": "2"}, session, "p") == []
        assert session["temp"] == temp
    for temp in ("3", "4"):
        follow_link(FIELDS, {"temp": temp}, session, "p")
        assert session["temp"] == 4.0
    follow_link(FIELDS, {"temp": "2"}, session, "p")  # now it is one: the visitor went back
    assert session["temp"] == 2.0


def test_a_page_without_parameters_keeps_the_session():
    session, params = {"temp": 2.0}, {}
    follow_link(FIELDS, params, session, "p")
    assert session["temp"] == 2.0
    assert session["view"] == "labels"


def test_going_back_to_the_default_takes_the_parameter_away_and_leaves_strangers_alone():
    session, params = {}, {"temp": "2", "embed": "true"}
    follow_link(FIELDS, params, session, "p")
    session["temp"] = 1.0
    keep_link(FIELDS, params, session, "p")
    assert params == {"embed": "true"}


def test_a_link_that_is_all_junk_is_reported_once():
    session, params = {}, {"temp": "hot"}
    assert len(follow_link(FIELDS, params, session, "p")) == 1
    keep_link(FIELDS, params, session, "p")
    assert params == {}
    assert follow_link(FIELDS, params, session, "p") == []


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.key)
def test_each_preset_is_a_valid_link_that_says_nothing_twice(preset):
    values, messages = read(segment_state.FIELDS, preset.params)
    assert messages == []
    written = write(segment_state.FIELDS, values)
    assert written.items() <= preset.params.items()
    assert set(preset.params) <= {field.key for field in segment_state.FIELDS}


def test_presets_have_unique_keys():
    assert len({preset.key for preset in presets.PRESETS}) == len(presets.PRESETS)


def test_only_what_changed_is_written_and_all_of_it_at_once():
    class Address(dict):
        def update(self, *args, **kwargs):
            told.append(dict(*args, **kwargs))
            super().update(*args, **kwargs)

        def __setitem__(self, key, value):
            raise AssertionError(f"a message for {key} alone")

    told: list[dict[str, str]] = []
    fields = number("a", 0.0, 0, 9), number("b", 0.0, 0, 9), number("c", 0.0, 0, 9)
    session, address = {"a": 1.0, "b": 2.0, "c": 0.0}, Address()
    for change in ({}, {"b": 3.0, "c": 4.0}, {}):
        session |= change
        keep_link(fields, address, session, "p")
    assert [sorted(one) for one in told] == [["a", "b"], ["b", "c"]]
    assert read(fields, address)[0] == {"a": 1.0, "b": 3.0, "c": 4.0}


def test_a_fragment_forgets_addresses_as_the_page_does():
    session, params = {}, {"temp": "2"}
    follow_link(FIELDS, params, session, "p")
    for temp in (3.0, 4.0):  # two runs of a fragment, the browser's address with them
        seen(FIELDS, params, session, "p")
        session["temp"] = temp
        keep_link(FIELDS, params, session, "p")
    seen(FIELDS, params, session, "p")
    assert session["p.links"] == [{"temp": "4"}], "and nothing piles up"
    assert follow_link(FIELDS, {"temp": "2"}, session, "p") == []
    assert session["temp"] == 2.0, "a step back, not an address of ours that lags behind"
