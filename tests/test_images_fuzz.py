"""A thousand hostile files give an image or an ImageError: never another exception, never a hang, never much memory."""

import io
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageCms, PngImagePlugin

from seglab.images import MAX_PIXELS, ImageError, decode, decode_labels
from seglab.palettes import CAMVID

DATA = Path(__file__).parent / "data"
SEED, FILES = 2024, 1000
HANG = 10.0  # seconds; a usual file takes a millisecond


def _encode(im: PILImage.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    im.save(file, kind, **options)
    return file.getvalue()


def originals() -> dict[str, bytes]:
    """Build good files of every format and of the variants whose decoders differ."""
    noise = np.random.default_rng(SEED).integers(0, 256, (12, 16, 3), np.uint8)
    rgb = PILImage.fromarray(noise).resize((64, 48), PILImage.Resampling.BICUBIC)
    grey, palette, rgba = rgb.convert("L"), rgb.quantize(16), rgb.convert("RGBA")
    deep = PILImage.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    rgba.putalpha(grey)
    exif = PILImage.Exif()
    exif[0x112], exif[0x10E] = 6, "a description"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "zipped " * 50, zip=True)
    return {
        "jpeg": _encode(rgb, "JPEG", exif=exif, icc_profile=profile),
        "jpeg progressive": _encode(rgb, "JPEG", progressive=True),
        "jpeg cmyk": _encode(rgb.convert("CMYK"), "JPEG"),
        "jpeg grey": _encode(grey, "JPEG"),
        "png": _encode(rgb, "PNG", pnginfo=text, icc_profile=profile, exif=exif),
        "png palette": _encode(palette, "PNG", transparency=3),
        "png 16": _encode(deep, "PNG"),
        "png alpha": _encode(rgba, "PNG"),
        "webp": _encode(rgb, "WEBP"),
        "webp lossless": _encode(rgba, "WEBP", lossless=True, exif=exif),
        "webp animated": _encode(rgb, "WEBP", save_all=True, append_images=[rgba]),
        "bmp": _encode(rgb, "BMP"),
        "bmp palette": _encode(palette, "BMP"),
        "tiff": _encode(rgb, "TIFF", exif=exif),
        "tiff lzw": _encode(rgb, "TIFF", compression="tiff_lzw"),
        "tiff deflate 16": _encode(deep, "TIFF", compression="tiff_adobe_deflate"),
        "tiff jpeg": _encode(rgb, "TIFF", compression="jpeg"),
        "tiff fax": _encode(rgb.convert("1"), "TIFF", compression="group4"),
        "tiff float": _encode(PILImage.fromarray(np.asarray(grey).astype(np.float32)), "TIFF"),
        "gif": _encode(palette, "GIF", transparency=2),
        "gif animated": _encode(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
        "avif": _encode(rgb, "AVIF"),
        "avif alpha": _encode(rgba, "AVIF", exif=exif),
        "heic": (DATA / "quadrants.heic").read_bytes(),
        "heic rotated": (DATA / "quadrants_rotated.heic").read_bytes(),
        "heic alpha": (DATA / "quadrants_alpha.heic").read_bytes(),
        "heic 10 bit": (DATA / "quadrants_10bit.heic").read_bytes(),
    }


# --- mutations ---------------------------------------------------------------------------------------------------

Rng = np.random.Generator


def truncated(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def bits_flipped(data: bytes, rng: Rng) -> bytes:
    out = bytearray(data)
    for at in rng.integers(0, len(out), rng.integers(1, 30)):
        out[at] ^= 1 << int(rng.integers(8))
    return bytes(out)


def header_flipped(data: bytes, rng: Rng) -> bytes:
    """Damage only the beginning, behind the signature: sizes, tags, tables."""
    out = bytearray(data)
    for at in rng.integers(4, min(len(out), 200), rng.integers(1, 6)):
        out[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))]))
    return bytes(out)


def spliced(data: bytes, rng: Rng) -> bytes:
    a, b = sorted(int(v) for v in rng.integers(0, len(data), 2))
    middle = rng.choice([data[a:b] * 2, b"", bytes(b - a), rng.bytes(b - a)])
    return data[:a] + bytes(middle) + data[b:]


def number_planted(data: bytes, rng: Rng) -> bytes:
    """Write an extreme number of 2 or 4 bytes somewhere: lengths, offsets and counts that lie."""
    value = rng.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
    planted = struct.pack(rng.choice(["<I", ">I"]), value)[: int(rng.choice([2, 4]))]
    at = int(rng.integers(4, len(data)))
    return data[:at] + planted + data[at + len(planted) :]


def other_body(data: bytes, rng: Rng) -> bytes:
    """Keep the signature of one format and put noise behind it."""
    return data[: int(rng.integers(2, 40))] + rng.bytes(int(rng.integers(0, 600)))


def tail_added(data: bytes, rng: Rng) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 2000)))


MUTATIONS: tuple[Callable[[bytes, Rng], bytes], ...] = (
    truncated, bits_flipped, header_flipped, spliced, number_planted, other_body, tail_added,
)  # fmt: skip


# --- bombs: small files that announce or unpack to something huge ------------------------------------------------


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *chunks: bytes, bits: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


def _tiff(tags: dict[int, tuple[int, int]], data: bytes) -> bytes:
    """Build a little-endian TIFF of one directory; tags: number → (type 3 short or 4 long, value); data at byte 8."""
    directory = struct.pack("<H", len(tags))
    for tag, (kind, value) in sorted(tags.items()):
        directory += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4)


def _patched(data: bytes, box: bytes, at: int, value: bytes) -> bytes:
    start = data.index(box) + len(box) + at
    return data[:start] + value + data[start + len(value) :]


def bombs(good: dict[str, bytes]) -> dict[str, bytes]:
    zeros = zlib.compress(bytes(60_000_000), 9)
    huge = struct.pack(">II", 60_000, 60_000)
    gray = {256: (4, 16), 257: (4, 16), 258: (3, 8), 259: (3, 8), 262: (3, 1), 277: (3, 1)}
    jpeg = good["jpeg progressive"]
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    sof = good["jpeg"].index(b"\xff\xc0")
    return {
        "png, 3.6 gigapixel": _png(60_000, 60_000, _chunk(b"IDAT", zeros)),
        "png, 2^31 wide": _png(2**31 - 1, 1, _chunk(b"IDAT", zeros)),
        "png, more data than pixels": _png(16, 16, _chunk(b"IDAT", zeros)),
        "png, text": _png(16, 16, _chunk(b"zTXt", b"a\0\0" + zeros), _chunk(b"IDAT", zeros[:1000])),
        "png, international text": _png(16, 16, _chunk(b"iTXt", b"a\0\1\0\0\0" + zeros), _chunk(b"IDAT", zeros[:99])),
        "png, profile": _png(16, 16, _chunk(b"iCCP", b"a\0\0" + zeros), _chunk(b"IDAT", zeros)),
        "png, 100 000 chunks": _png(16, 16, *[_chunk(b"tEXt", b"a\0b")] * 100_000),
        "png, zero size": _png(0, 0, _chunk(b"IDAT", zeros[:99])),
        "png, zero width": _png(0, 7, _chunk(b"IDAT", zeros[:99])),
        "gif, 4 gigapixel": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + good["gif"][13:],
        "gif, frame larger than screen": good["gif"].replace(
            b"," + struct.pack("<4H", 0, 0, 64, 48), b"," + struct.pack("<4H", 9, 9, 65535, 65535)
        ),
        "gif, zero size": b"GIF89a" + bytes(7) + b";",
        "bmp, 2^31 wide": _patched(good["bmp"], b"BM", 16, struct.pack("<ii", 2**31 - 1, 2**31 - 1)),
        "bmp, negative": _patched(good["bmp"], b"BM", 16, struct.pack("<ii", -64, -(2**31))),
        "bmp, zero": _patched(good["bmp"], b"BM", 16, bytes(8)),
        "webp, 16383 squared": _patched(good["webp"], b"\x9d\x01\x2a", 0, struct.pack("<HH", 16383, 16383)),
        "webp, animated canvas 2^24": _patched(good["webp animated"], b"VP8X", 8, b"\xff" * 6),
        "jpeg, 65500 squared": good["jpeg"][: sof + 5] + struct.pack(">HH", 65500, 65500) + good["jpeg"][sof + 9 :],
        "jpeg, zero size": good["jpeg"][: sof + 5] + bytes(4) + good["jpeg"][sof + 9 :],
        "jpeg, 20 000 scans": jpeg[:-2] + scan * 20_000 + b"\xff\xd9",
        "tiff, 4 gigapixel": _tiff({**gray, 256: (4, 65535), 257: (4, 65535), 273: (4, 8), 279: (4, 99)}, zeros),
        "tiff, huge tile": _tiff(
            {**gray, 322: (4, 60_000), 323: (4, 60_000), 324: (4, 8), 325: (4, len(zeros))}, zeros
        ),
        "tiff, huge strip": _tiff({**gray, 278: (4, 2**32 - 1), 273: (4, 8), 279: (4, len(zeros))}, zeros),
        "tiff, many samples": _tiff({**gray, 277: (3, 65535), 273: (4, 8), 279: (4, len(zeros))}, zeros),
        "tiff, directory loop": _tiff({**gray, 273: (4, 8), 279: (4, 99), 330: (4, 264)}, zeros[:256])[:-4]
        + struct.pack("<I", 264),
        "tiff, zero size": _tiff({**gray, 256: (4, 0), 257: (4, 0), 273: (4, 8), 279: (4, 99)}, zeros[:256]),
        "avif, 3.6 gigapixel": _patched(good["avif"], b"ispe", 4, huge),
        "heic, 3.6 gigapixel": _patched(good["heic"], b"ispe", 4, huge),
        "avif, zero size": _patched(good["avif"], b"ispe", 4, bytes(8)),
        "heic, zero size": _patched(good["heic"], b"ispe", 4, bytes(8)),
        "heic, smaller than its data": _patched(good["heic"], b"ispe", 4, struct.pack(">II", 1, 1)),
        "empty": b"",
        "one byte": b"\xff",
        "only zeros": bytes(5000),
    }  # fmt: skip


# --- tests -------------------------------------------------------------------------------------------------------


def outcome(source: bytes | Path) -> str:
    """Return "image" or the ImageError's text; anything else goes up and fails the test."""
    began = time.perf_counter()
    try:
        image = decode(source)
    except ImageError as error:
        text = str(error)
    else:
        text = "image"
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert 0 < image.shape[0] * image.shape[1] <= MAX_PIXELS
    assert len(text) > 20 or text == "image"
    assert time.perf_counter() - began < HANG
    return text


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    return originals()


def test_the_originals_are_good(good: dict[str, bytes]) -> None:
    assert {name: outcome(data) for name, data in good.items()} == dict.fromkeys(good, "image")


@pytest.mark.filterwarnings("ignore")
def test_a_thousand_mutated_files(good: dict[str, bytes], tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    endings = [".jpg", ".png", ".webp", ".bmp", ".tif", ".gif", ".avif", ".heic", ".txt", ""]
    names, seen = list(good), []
    for i in range(FILES):
        name, mutate = names[i % len(names)], MUTATIONS[i // len(names) % len(MUTATIONS)]
        data = mutate(good[name], rng)
        source: bytes | Path = data
        if i % 3 == 0:  # as a file whose ending lies
            source = tmp_path / f"{i}{endings[int(rng.integers(len(endings)))]}"
            source.write_bytes(data)
        try:
            seen.append(outcome(source))
        except Exception as error:
            kept = tmp_path / f"failed-{i}"
            kept.write_bytes(data)
            pytest.fail(f"file {i}: {name}, {mutate.__name__}, kept as {kept}: {type(error).__name__}: {error}")
    # the mutations must neither all miss nor all kill
    assert 0.1 * FILES < seen.count("image") < 0.9 * FILES


@pytest.mark.filterwarnings("ignore")
def test_mutated_labels(good: dict[str, bytes]) -> None:
    rng = np.random.default_rng(SEED)
    names = ["png", "png palette", "png 16", "tiff", "tiff lzw", "tiff deflate 16", "gif", "jpeg"]
    for i in range(200):
        data = MUTATIONS[i % len(MUTATIONS)](good[names[i % len(names)]], rng)
        try:
            labels = decode_labels(data, CAMVID)
        except ImageError:
            continue
        assert labels.dtype == np.uint8
        assert labels.max() in (*range(len(CAMVID)), 255)


@pytest.mark.filterwarnings("ignore")
def test_bombs(good: dict[str, bytes]) -> None:
    said = {name: outcome(data) for name, data in bombs(good).items()}
    survived = {name for name, text in said.items() if text == "image"}
    # the rest announce too much or nothing; these are small pictures with something odd beside them
    assert survived <= {"png, more data than pixels", "png, profile", "tiff, huge strip", "tiff, directory loop"}
    for name in ("png, 3.6 gigapixel", "gif, 4 gigapixel", "tiff, 4 gigapixel", "jpeg, 65500 squared"):
        assert "pixels" in said[name]
        assert "Scale" in said[name]


_CHILD = """
import json, resource, sys, warnings
from pathlib import Path
from seglab.images import ImageError, decode
warnings.simplefilter("ignore")
peak, before = {}, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        decode(path)
    except ImageError:
        pass
    peak[path.name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps(peak))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux only")
def test_bombs_take_little_memory(good: dict[str, bytes], tmp_path: Path) -> None:
    for name, data in bombs(good).items():
        (tmp_path / name.replace(" ", "_")).write_bytes(data)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert child.returncode == 0, child.stderr
    peak = json.loads(child.stdout)
    assert max(peak.values()) < 200_000, peak  # kilobytes; 60 MB of them are the largest file's own copies
