"""The picture that all pages work on: gallery, upload or camera; the choice goes along from page to page.

In the session: `image` (a gallery key or "upload"), `file` and `sha` (name and hash of an own picture, so that a link
can say which file is missing), `picker.own` (the own picture itself, the last one only).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

import streamlit as st
from PIL import Image as Pil

from seglab import allocator, images, zoo
from seglab.types import Image
from ui import gallery
from ui.cache import image_hash
from ui.gallery import UPLOAD
from ui.state import plain
from ui.texts import shared as text

OWN, ERROR, NOTE, LARGE = "picker.own", "picker.error", "picker.note", "picker.large"
MENU = "picker.menu"  # whether it is open


@dataclass(frozen=True)
class Photo:
    """The picture in use: `key` is its gallery key or "upload", `suits` the gallery's models (None: not known)."""

    image: Image
    key: str
    name: str
    hash: str
    alt: str
    credit: str = ""
    suits: tuple[str, ...] | None = None
    file_size: int = -1  # bytes of the file; -1 where it isn't known

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def title(self) -> str:
        """What to call it in a sentence: the gallery's title, or the name of the file or the drawn picture."""
        return gallery.GALLERY[self.key].title if self.key in gallery.GALLERY else self.name

    @property
    def stem(self) -> str:
        """The name without its ending, for the names of downloads."""
        return PurePath(self.name).stem or "picture"


@lru_cache(maxsize=len(gallery.GALLERY))
def from_gallery(key: str) -> Photo:
    """Return a gallery picture with its credit line."""
    picture = gallery.GALLERY[key]
    credit = text.CREDIT.format(credit=f"{picture.title}: {picture.credit}", licence=picture.licence)
    image = gallery.load(key)
    return Photo(image, key, PurePath(picture.file).name, image_hash(image), picture.alt, credit, picture.suits,
                 picture.path.stat().st_size)  # fmt: skip


def take(data: bytes, name: str) -> None:
    """Make an own picture the one in use; ImageError if it is none, and then nothing has changed."""
    own(images.decode(data), name, len(data))


def own(image: Image, name: str, file_size: int = -1) -> None:
    """Make a decoded own picture the one in use, and remember whether it is the one that a link asked for."""
    session = st.session_state
    photo = Photo(image, UPLOAD, plain(name, 60) or text.UNNAMED, image_hash(image), text.OWN_ALT, file_size=file_size)
    asked = session.get("sha", "") if session.get("image") == UPLOAD and missing() else ""
    session[NOTE] = photo.hash if asked and asked != photo.hash else ""
    session[OWN] = photo
    session[MENU] = False
    session.update(image=UPLOAD, file=photo.name, sha=photo.hash)


def missing() -> bool:
    """Whether the choices ask for an own picture that this session doesn't have."""
    photo: Photo | None = st.session_state.get(OWN)
    asked = st.session_state.get("sha", "")
    return st.session_state.get("image") == UPLOAD and (photo is None or bool(asked and asked != photo.hash))


def current() -> Photo:
    """Return the picture in use: the default of the gallery where an own picture is missing."""
    key = st.session_state.get("image", gallery.DEFAULT)
    if key == UPLOAD and not missing():
        return st.session_state[OWN]
    here = gallery.here()
    if not here:
        st.error(text.NO_PICTURES)
        st.stop()
    return from_gallery(key if key in here else gallery.DEFAULT if gallery.DEFAULT in here else here[0])


def choose(key: str) -> None:
    """Use a gallery picture, and a model that knows what it shows: one whose weights are here, if there is one."""
    session = st.session_state
    session[MENU] = False
    session.update(image=key, file="", sha="")
    suits = gallery.GALLERY[key].suits
    if suits and session.get("model") not in suits:
        offline = session.get("model.offline", False)
        here = [model for model in suits if zoo.weights_here(model)]
        session["model"] = here[0] if here and offline else suits[0]


def picker() -> Photo:
    """Show the menu of gallery, upload and camera, which closes with a choice; return the picture in use."""
    photo = current()
    menu = st.popover(text.PICTURE_NOW.format(title=photo.title), icon=":material/image:", width="stretch",
                      key=MENU, on_change="rerun")  # fmt: skip
    if menu.open:  # else it would go along with every run of every page
        with menu:
            _menu(photo)
    return photo


def _menu(photo: Photo) -> None:
    source = st.segmented_control(
        text.PICTURE, list(text.SOURCES), format_func=text.SOURCES.__getitem__, default="gallery",
        key="picker.source", label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    if source == "upload":
        st.file_uploader(
            text.UPLOAD, help=text.UPLOAD_HELP, key="picker.file", on_change=_receive, args=("picker.file",),
            max_upload_size=images.MAX_BYTES // 2**20,
        )  # fmt: skip
    elif source == "camera":
        st.camera_input(text.CAMERA, key="picker.camera", on_change=_receive, args=("picker.camera",))
    else:
        _gallery()
    mine: Photo | None = st.session_state.get(OWN)
    if mine is not None and photo.key != UPLOAD:
        args = (mine.image, mine.name, mine.file_size)
        st.button(text.BACK_TO.format(name=mine.name), on_click=own, args=args)


def messages(photo: Photo) -> None:
    """Say what is wrong with the picture: a file that is none, a link's file that isn't here."""
    kept_for, error = st.session_state.get(ERROR, ("", ""))
    if kept_for == photo.hash:  # once another picture is in use, the error is history
        st.error(f"{error} {text.KEPT}", icon=":material/broken_image:")
    if st.session_state.get(NOTE) == photo.hash:
        st.info(text.OTHER_FILE)
    if missing():
        file = plain(str(st.session_state.get("file", ""))) or text.UNNAMED
        st.warning(text.MISSING.format(file=file, title=photo.title), icon=":material/link_off:")


def tidy(photo: Photo) -> None:
    """Give back what malloc keeps of all that was made of a large photo; a page with the picker ends with this.

    Drawing one of 24 megapixels leaves 100 to 300 MB behind. It takes 10 to 50 ms, of a run of half a second or more;
    smaller ones do without. The first run after it does it once more: by then nobody holds the large photo itself.
    """
    large = photo.image.size > 3 * images.LARGE
    if large or st.session_state.get(LARGE):
        allocator.give_back()
    st.session_state[LARGE] = large


def _gallery() -> None:
    columns = st.columns(2)
    for n, key in enumerate(gallery.here()):
        picture = gallery.GALLERY[key]
        with columns[n % 2]:
            st.image(thumbnail(key), alt=picture.alt, width="stretch")
            used = st.session_state.get("image") == key
            st.button(f"{picture.title}{' ✓' if used else ''}", key=f"picker.{key}", width="stretch",
                      on_click=choose, args=(key,), type="primary" if used else "secondary")  # fmt: skip
            titles = " · ".join(zoo.get(model).title for model in picture.suits[:2])
            st.caption(text.CREDIT.format(credit=picture.credit, licence=picture.licence) + "  \n"
                       + (text.SUITS.format(models=titles) if picture.suits else text.SUITS_NONE))  # fmt: skip


def _receive(key: str) -> None:
    """Take the file that just arrived; what isn't a picture leaves everything as it was, with a message."""
    session = st.session_state
    file = session.get(key)
    session.pop(ERROR, None)
    if file is not None:
        try:
            take(file.getvalue(), file.name)
        except images.ImageError as error:
            session[ERROR] = current().hash, str(error)


@lru_cache(maxsize=len(gallery.GALLERY))
def thumbnail(key: str) -> bytes:
    """Return a gallery picture as a JPEG of 240×160 pixels, cut to fit."""
    picture = Pil.fromarray(gallery.load(key))
    side = min(picture.width / 3, picture.height / 2)
    box = (picture.width / 2 - 1.5 * side, picture.height / 2 - side,
           picture.width / 2 + 1.5 * side, picture.height / 2 + side)  # fmt: skip
    out = io.BytesIO()
    picture.resize((240, 160), Pil.Resampling.LANCZOS, box=box).save(out, "JPEG", quality=85)
    return out.getvalue()
