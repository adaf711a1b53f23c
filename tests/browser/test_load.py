"""Many visitors at once, and many reruns of one: by the load script, on a server of their own."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from scripts import load
from scripts.visitor import Shown, Visitor
from seglab import images
from seglab.bench.pages import photo
from seglab.bench.server import Server, served
from ui import gallery


def missing(found: dict[str, object]) -> str:
    return f"{found['problems']} in {found['visits']}"


def test_a_foreign_picture_or_label_is_found() -> None:
    mine, other = load.task(0, "street-fast"), load.task(1, "street-fast")
    own = Shown(mine.photo, "Your own photo", (mine.labels,))
    link = Shown(load.common()[0], "A palace", (np.zeros((2, 2), np.uint8),))
    stills = [*mine.stills, *load.common()[1]]
    assert load.check(mine, [link, own], stills) == ""
    assert "neither theirs" in load.check(mine, [Shown(other.photo, "", (other.labels,)), own], [])
    assert "neither theirs" in load.check(mine, [own], [*other.stills])
    assert "the link's photo" in load.check(mine, [own, link], [])
    wrong = mine.labels.copy()
    wrong[0, 0] ^= 1
    assert "that differ" in load.check(mine, [Shown(mine.photo, "", (wrong,))], [])
    assert "another size" in load.check(mine, [Shown(mine.photo, "", (other.labels,))], [])
    assert load.check(mine, [], stills) == "never saw a mask"


def test_pictures_of_visitors_are_all_different() -> None:
    sizes = [images.decode(load.picture(n)).shape for n in range(30)]
    assert len(set(sizes)) == 30


@pytest.mark.slow
def test_six_visitors_get_their_own_masks(browser: object) -> None:
    del browser  # only asks for Chromium: skipped, or failed in CI, without one
    found = load.load(6, 1, "street-fast")
    assert not found["problems"], missing(found)


@pytest.mark.slow
def test_thirty_visitors_get_their_own_masks_in_ninety_seconds(browser: object) -> None:
    del browser
    found = load.load(30, 4, "street-fast")
    assert not found["problems"], missing(found)
    assert found["max"] <= load.LIMIT


def arrive(visitor: Visitor, data: bytes) -> None:
    """Open the link and upload a picture."""
    visitor.run()
    visitor.open("Picture")
    visitor.set(visitor.widget("button_group", "Picture").id, string_array_value=["Your photo"])
    visitor.run()
    visitor.upload(visitor.widget("file_uploader", "").id, "street.jpg", data)
    visitor.run()


def test_a_new_layer_or_view_does_not_bring_the_photo_again() -> None:
    with served() as server, Visitor(server.url, "Segment", "model=street-fast&conf=0.4") as visitor:
        arrive(visitor, photo(1))
        first = visitor.shown()
        visitor.set(visitor.widget("slider", "Least").id, double_array_value=[0.6])
        before = visitor.received
        visitor.run()
        last = visitor.shown()
        assert not np.array_equal(first.labels[0], last.labels[0])
        assert first.photo == last.photo
        assert visitor.received - before < len(last.photo) / 2
        for view in ("Entropy", "Labels") * 2:  # a run of the network has the whole page drawn anew, twice
            visitor.set(visitor.widget("selectbox", "View").id, string_value=view)
            before = visitor.received
            visitor.run()
        assert visitor.shown().photo == first.photo
        assert np.array_equal(visitor.shown().labels[0], last.labels[0])
        assert visitor.received - before < len(last.photo) / 2


class Line:
    """Stands for the server: hands out messages, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[BackMsg] = []
        self.messages: list[ForwardMsg] = []

    def send(self, data: bytes) -> None:
        self.asked.append(BackMsg.FromString(data))

    def recv(self, timeout: float) -> bytes:
        del timeout
        return self.messages.pop(0).SerializeToString()

    def says(self, *messages: ForwardMsg) -> None:
        self.messages += [*messages, ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)]


def picture(n: int, place: int = 0) -> ForwardMsg:
    """Return a message that brings photo n, whose name is n in 24 digits."""
    message = ForwardMsg(hash=f"photo {n}")
    message.metadata.cacheable = True
    message.metadata.delta_path.extend([0, place])
    component = message.delta.new_element.bidi_component
    component.component_name, component.bytes = "seglab_photo", f"{n:024}".encode() + bytes(1000)
    return message


def test_a_visitor_forgets_what_is_gone_and_keeps_what_is_there() -> None:
    visitor, line = Visitor("http://localhost", "Segment"), Line()
    visitor._socket = line
    for n in range(20):
        again = ForwardMsg(ref_hash="photo -1")  # the photo that stays
        again.metadata.CopyFrom(picture(-1, 1).metadata)
        line.says(picture(n), again if n else picture(-1, 1))
        visitor.run()
        assert sorted(visitor._photos) == sorted([f"{-1:024}", f"{n:024}"])
        assert len(visitor.elements) == 2
    assert set(line.asked[-1].rerun_script.cached_message_hashes) == {"photo -1", "photo 17", "photo 18"}


def reruns(server: Server, n: int, view: str, warm: int = 20) -> int:
    """Move sliders through n + warm values that nobody has asked for; return by how many bytes the last n grew it."""
    with Visitor(server.url, "Segment", f"model=street-fast&conf=0.4&view={view}") as visitor:
        arrive(visitor, photo(1))
        temperature, confidence = visitor.widget("slider", "Temperature").id, visitor.widget("slider", "Least").id
        steps = itertools.product(np.linspace(0.3, 0.9, 13), np.linspace(0.5, 2.5, 41))
        before = 0
        for k, (least, t) in enumerate(itertools.islice(steps, n + warm)):
            if k == warm:
                before = server.memory()
            visitor.set(confidence, double_array_value=[round(float(least), 2)])
            visitor.set(temperature, double_array_value=[round(float(t), 2)])
            visitor.run()
        return server.memory() - before


@pytest.mark.slow
@pytest.mark.parametrize("view", ["labels", "entropy"])
def test_three_hundred_reruns_leave_memory_as_it_was(view: str) -> None:
    with served() as server:
        if not server.memory():
            pytest.skip("This system doesn't tell how much memory a process has.")
        grown = reruns(server, 300, view)
    print(f"{view}: {grown / 2**20:+.1f} MB")
    assert grown < 50 * 2**20


@pytest.mark.slow
def test_a_large_photo_is_given_back() -> None:
    out = io.BytesIO()
    Image.fromarray(gallery.load("china")).resize((6000, 4000)).save(out, "JPEG", quality=92)
    with served() as server, Visitor(server.url, "Segment", "model=street-fast") as visitor:
        if not server.memory():
            pytest.skip("This system doesn't tell how much memory a process has.")
        arrive(visitor, photo(1))
        before = server.memory()
        arrive(visitor, out.getvalue())
        held = server.memory() - before
        visitor.set(visitor.widget("selectbox", "View").id, string_value="Margin")
        visitor.run()
        visitor.set(visitor.widget("slider", "Temperature").id, double_array_value=[2.0])
        visitor.run()
        arrive(visitor, photo(1))
        left = server.memory() - before
    print(f"{held / 2**20:+.0f} MB with a photo of 24 megapixels on the page, {left / 2**20:+.0f} MB after it")
    assert held < 200 * 2**20  # the picture itself takes 72, its labels 24
    assert left < 100 * 2**20
