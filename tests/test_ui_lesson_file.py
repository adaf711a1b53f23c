from __future__ import annotations

import io
import json
import random
import zipfile

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ui import lesson, lesson_file
from ui.lesson_file import LessonError, pack, unpack

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


def test_everything_comes_back():
    lesson = unpack(pack({"image": "upload", "temp": "2"}, picture=PICTURE, mask=b"png bytes"))
    assert lesson.state == {"image": "upload", "temp": "2"}
    np.testing.assert_array_equal(lesson.picture, PICTURE)
    assert lesson.mask == b"png bytes"


def test_a_picture_too_large_as_png_travels_as_jpeg(monkeypatch):
    monkeypatch.setitem(lesson_file.LIMITS, "picture.png", 1000)
    data = pack({}, picture=PICTURE)
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["state.json", "picture.jpg"]
    assert unpack(data).picture.shape == PICTURE.shape


def test_without_picture_and_mask():
    assert unpack(pack({"image": "china"})) == lesson_file.Lesson({"image": "china"})


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b"null", b'{"seglab": 2}', b"\xff", b"[" * 60_000])
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(LessonError):
        unpack(zipped(state_json=state))


def test_values_that_are_no_text_are_left_out():
    state = json.dumps({"seglab": 1, "a": {"b": []}, "c": 1, "d": "e"}).encode()
    assert unpack(zipped(state_json=state)).state == {"d": "e"}


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\x05\x06" + bytes(18), bytes(1000)])
def test_no_zip(data):
    with pytest.raises(LessonError):
        unpack(data)


def test_a_bomb_is_stopped_before_it_is_unpacked():
    with pytest.raises(LessonError, match="larger than"):
        unpack(zipped(state_json=b" " * 50_000_000))


def test_too_many_members_and_double_names():
    with pytest.raises(LessonError):
        unpack(zipped(state_json=b'{"seglab": 1}', **{f"f{n}": b"" for n in range(20)}))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("state.json", b'{"seglab": 1}')
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("state.json", b'{"seglab": 1}')
    with pytest.raises(LessonError):
        unpack(buffer.getvalue())


def test_paths_in_a_zip_are_never_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../evil.txt", "x")
        archive.writestr("state.json", '{"seglab": 1}')
    assert unpack(buffer.getvalue()).state == {}
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / "evil.txt").exists()


def test_a_picture_that_is_none_is_named():
    with pytest.raises(LessonError, match="picture"):
        unpack(zipped(state_json=b'{"seglab": 1}', picture_png=b"no png"))


def test_an_encrypted_member_is_refused():
    data = bytearray(pack({}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    with pytest.raises(LessonError):
        unpack(bytes(data))


def test_a_compression_that_lessons_never_have_is_refused():
    # damaged LZMA raises LZMAError, which is neither an OSError nor a BadZipFile
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("state.json", '{"seglab": 1}')
    with pytest.raises(LessonError, match="compressed in a way"):
        unpack(buffer.getvalue())


def test_damaged_files_give_a_lesson_or_a_lesson_error():
    whole = pack({"image": "upload"}, picture=PICTURE, mask=b"x" * 100)
    rng = random.Random(1)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            data = data[: rng.randrange(len(data))]
        try:
            unpack(bytes(data))
        except LessonError:
            refused += 1
    assert refused > 200


def test_a_file_that_a_page_refuses_leaves_the_own_picture_in_use():
    def page():
        import numpy as np
        import streamlit as st

        from ui import lesson, picker, segment_state, state
        from ui.lesson_file import Lesson, LessonError

        def refuse(_: Lesson) -> None:
            assert picker.current().size == (9, 9)
            raise LessonError("Not here.")

        if lesson.FILE not in st.session_state:
            st.session_state.update(state.defaults(segment_state.FIELDS))
            if st.query_params.get("own"):
                picker.own(np.zeros((5, 5, 3), np.uint8), "mine.png")
        lesson.load(segment_state.FIELDS, refuse)
        st.text(f"{picker.current().name} {st.session_state['file']} {picker.NOTE in st.session_state}")

    data = pack({"image": "upload", "file": "theirs.png"}, picture=np.zeros((9, 9, 3), np.uint8))
    for own in ("1", ""):
        app = AppTest.from_function(page, default_timeout=30)
        app.query_params["own"] = own
        before = app.run().text[0].value
        assert ("mine.png mine.png" in before) is bool(own)
        app.file_uploader(key=lesson.FILE).set_value(("lesson.zip", data, "application/zip")).run()
        assert not app.exception, app.exception[0].message
        assert [warning.value for warning in app.warning] == ["Not here."]
        assert app.text[0].value == before
