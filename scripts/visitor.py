"""A visitor without a browser: Streamlit's own protocol over a WebSocket, with the cookies and uploads of a real one.

It does what the page in a browser does (XSRF cookie, widget states, upload, messages kept by hash), and keeps what is
on the page: what a run no longer shows is forgotten, so that a visitor can stay as long as they like. The message types
are Streamlit's own (`streamlit.proto`), so this follows the version that is installed.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

COOKIE = "_streamlit_xsrf"
WAIT = 120.0  # seconds for one run of the page
ID = 24  # characters before a photo's bytes, as in ui/viewer/photo.js
AGE = 2  # runs for which a message that doesn't come again is kept, as in a browser (`global.maxCachedMessageAge`)


class VisitError(RuntimeError):
    """The server refused, failed, or showed an error to the visitor."""


@dataclass(frozen=True)
class Shown:
    """What the viewer was told to show: the photo as a file, its description, the label layers as (h, w) arrays."""

    photo: bytes
    alt: str
    labels: tuple[NDArray[np.uint8], ...]


class Visitor:
    """One session on page `page` with the link's parameters `query`. Use it in a `with`."""

    def __init__(self, address: str, page: str, query: str = "") -> None:
        self.address, self.page, self.query = address.rstrip("/"), page, query
        self.elements: dict[tuple[int, ...], Any] = {}  # delta path → Element or Block
        self.widgets: dict[str, WidgetState] = {}
        self.on_shown: Callable[[Shown], object] = lambda _: None  # called with all that the viewer is told to show
        self.on_still: Callable[[str], object] = lambda _: None  # called with every address of a still picture
        self.received = 0  # bytes
        self.session = self.script = ""
        self._menus: dict[str, str] = {}  # popovers' names → their ids
        self._photos: dict[str, bytes] = {}  # by the id under which the viewer asks for them
        self._pending: list[Any] = []  # what the viewer was told in this run
        self._kept: dict[str, tuple[int, ForwardMsg]] = {}  # hash → the last run that a message came in, the message
        self._runs = 0
        self._fresh: set[tuple[int, ...]] = set()  # where elements have come in this run; the others are history
        self._socket: ClientConnection

    def __enter__(self) -> Visitor:
        with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=WAIT) as answer:
            cookies = [line.partition(";")[0].partition("=") for line in answer.headers.get_all("Set-Cookie") or ()]
        self.token = next((value for name, _, value in cookies if name == COOKIE), "")
        host = urlsplit(self.address).netloc
        options: dict[str, Any] = {
            "origin": self.address, "subprotocols": ["streamlit", self.token or "none"], "max_size": None,
            "additional_headers": {"Cookie": f"{COOKIE}={self.token}"}, "open_timeout": WAIT, "compression": None,
        }  # fmt: skip
        self._open = ExitStack()
        self._socket = self._open.enter_context(connect(f"ws://{host}/_stcore/stream", **options))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # ---- what a visitor does

    def run(self) -> None:
        """Ask for a run of the page with the present widget states, and take in all that it sends."""
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_script_hash = self.query, self.script
        if not self.script:
            asked.page_name = self.page
        asked.widget_states.widgets.extend(self.widgets.values())
        asked.cached_message_hashes.extend(self._kept)
        asked.context_info.url = f"{self.address}/{self.page}"
        asked.context_info.timezone, asked.context_info.locale = "UTC", "en-US"
        self._fresh = set()
        self._socket.send(message.SerializeToString())
        for state in [s for s in self.widgets.values() if s.WhichOneof("value") == "trigger_value"]:
            del self.widgets[state.id]
        while True:
            message = self._receive()
            if message.WhichOneof("type") == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                    raise VisitError("The page could not be compiled.")
                break
        for component in self._pending:  # not at once: their photos may have come later
            self.on_shown(self._decode(component))
        self._forget()
        for element in self.of("exception"):
            raise VisitError(f"{element.type}: {element.message}")

    def set(self, widget: str, **value: Any) -> None:
        """Set a widget's state by its id, e.g. double_array_value=[0.5]; `run` sends it."""
        state = WidgetState(id=widget)
        for name, given in value.items():
            field = getattr(state, name)
            if isinstance(given, list):
                field.data.extend(given)
            else:
                setattr(state, name, given)
        if not value:
            raise ValueError("A widget needs a value.")
        self.widgets[widget] = state

    def open(self, label: str) -> None:
        """Open the menu (popover) whose label begins with `label`, and run; VisitError if there is none."""
        for name, widget in reversed(self._menus.items()):  # the last one that came: its label may have changed
            if name.startswith(label):
                self.set(widget, bool_value=True)
                return self.run()
        raise VisitError(f"There is no menu {label!r} on the page; got {list(self._menus)}.")

    def upload(self, widget: str, name: str, data: bytes, kind: str = "image/jpeg") -> None:
        """Send a file to the file uploader `widget`, as a browser does; `run` tells the page."""
        message = BackMsg()
        request = message.file_urls_request
        request.request_id, request.session_id = uuid.uuid4().hex, self.session
        request.file_names.append(name)
        self._socket.send(message.SerializeToString())
        while True:
            answer = self._receive()
            if answer.WhichOneof("type") == "file_urls_response":
                break
        if answer.file_urls_response.error_msg:
            raise VisitError(answer.file_urls_response.error_msg)
        urls = answer.file_urls_response.file_urls[0]
        line = uuid.uuid4().hex
        head = f'--{line}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: {kind}'
        body = head.encode() + b"\r\n\r\n" + data + f"\r\n--{line}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={line}", "X-Xsrftoken": self.token,
                   "Cookie": f"{COOKIE}={self.token}", "Origin": self.address}  # fmt: skip
        put = urllib.request.Request(self.address + "/" + urls.upload_url.lstrip("/"), body, headers, method="PUT")
        try:
            with urllib.request.urlopen(put, timeout=WAIT):
                pass
        except urllib.error.HTTPError as error:
            raise VisitError(f"The upload was answered with {error.code}: {error.read()[:200]!r}") from error
        state = WidgetState(id=widget)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(data), urls.file_id
        info.file_urls.CopyFrom(urls)
        self.widgets[widget] = state

    def fetch(self, path: str) -> bytes:
        """Return the bytes behind an address of the server, such as a still picture's."""
        with urllib.request.urlopen(self.address + "/" + path.lstrip("/"), timeout=WAIT) as answer:
            data: bytes = answer.read()
        return data

    # ---- what is on the page

    def of(self, kind: str) -> Iterator[Any]:
        """Yield the elements of one kind that are on the page now, by the name of their protobuf field."""
        for element in list(self.elements.values()):
            if element.WhichOneof("type") == kind:
                yield getattr(element, kind)

    def widget(self, kind: str, label: str) -> Any:
        """Return the first element of a kind whose label begins with `label`; VisitError if there is none."""
        for element in self.of(kind):
            if element.label.startswith(label):
                return element
        raise VisitError(f"There is no {kind} {label!r} on the page; got {[e.label for e in self.of(kind)]}.")

    def shown(self) -> Shown:
        """Return what the viewer shows now."""
        for element in self.of("bidi_component"):
            if element.component_name.endswith("seglab_viewer"):
                return self._decode(element)
        raise VisitError("There is no viewer on the page.")

    # ---- messages

    def _receive(self) -> ForwardMsg:
        try:
            data = self._socket.recv(timeout=WAIT)
        except TimeoutError as error:
            raise VisitError(f"The server was silent for {WAIT:g} s.") from error
        assert isinstance(data, bytes)
        self.received += len(data)
        message = ForwardMsg()
        message.ParseFromString(data)
        if message.WhichOneof("type") == "ref_hash":  # the same as before: only its place is sent
            again = ForwardMsg()
            again.CopyFrom(self._kept[message.ref_hash][1])
            again.metadata.CopyFrom(message.metadata)
            message = again
        if message.metadata.cacheable or message.hash in self._kept:
            self._kept[message.hash] = self._runs, message
        match message.WhichOneof("type"):
            case "new_session":
                self.session = message.new_session.initialize.session_id or self.session
            case "navigation":
                self.script = message.navigation.page_script_hash
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "delta":
                self._take(tuple(message.metadata.delta_path), message.delta)
        return message

    def _forget(self) -> None:
        """Let go of what this run didn't show."""
        self._runs += 1
        self._pending.clear()
        self.elements = {at: one for at, one in self.elements.items() if at in self._fresh}
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] >= self._runs - AGE}
        shown = {component.bytes[:ID].decode() for component in self.of("bidi_component") if is_photo(component)}
        self._photos = {key: file for key, file in self._photos.items() if key in shown}
        # As a browser does: a file that came with a menu since closed would come once more with each run, as a new one.
        there = {uploader.id for uploader in self.of("file_uploader")}
        self.widgets = {name: state for name, state in self.widgets.items()
                        if name in there or state.WhichOneof("value") != "file_uploader_state_value"}  # fmt: skip

    def _take(self, path: tuple[int, ...], delta: Any) -> None:
        if delta.WhichOneof("type") == "add_block":
            self.elements = {at: one for at, one in self.elements.items() if at != path}
            if delta.add_block.WhichOneof("type") == "popover":
                self._menus.pop(delta.add_block.popover.label, None)
                self._menus[delta.add_block.popover.label] = delta.add_block.popover.id
            return
        if delta.WhichOneof("type") != "new_element":
            return
        element = delta.new_element
        self.elements = {at: one for at, one in self.elements.items() if at[: len(path)] != path}
        self.elements[path] = element
        self._fresh.add(path)
        if element.WhichOneof("type") == "imgs":
            for image in element.imgs.imgs:
                self.on_still(image.url)
        if element.WhichOneof("type") != "bidi_component":
            return
        if is_photo(element.bidi_component):
            data = element.bidi_component.bytes
            self._photos[data[:ID].decode()] = data[ID:]
        elif element.bidi_component.component_name.endswith("seglab_viewer"):
            self._pending.append(element.bidi_component)

    def _decode(self, component: Any) -> Shown:
        data = json.loads(component.mixed.json if component.WhichOneof("data") == "mixed" else component.json)
        layers = tuple(unpack(layer) for layer in data["layers"] if layer["kind"] == "labels")
        return Shown(self._photos[data["photo"]], data["alt"], layers)


def is_photo(component: Any) -> bool:
    """Whether a component is a viewer's photo: its bytes are `ID` characters of its name, then the file."""
    return str(component.component_name).endswith("seglab_photo")


def unpack(layer: dict[str, Any]) -> NDArray[np.uint8]:
    """Return a layer's 8-bit values (h, w), as the browser unpacks them."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(layer["z"])), np.uint8).reshape(layer["h"], layer["w"])
    return np.cumsum(steps, axis=1, dtype=np.uint8)
