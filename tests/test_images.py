"""Known pixels of every kind of picture, and messages a person can act on."""

import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from seglab.images import ImageError, decode, decode_labels
from seglab.palettes import CAMVID

DATA = Path(__file__).parent / "data"
RED, GREEN, BLUE, GREY = (200, 40, 40), (40, 180, 60), (40, 60, 200), (240, 240, 240)


def quadrants() -> PILImage.Image:
    """Red | green over blue | grey, 64×48: tells every rotation and reflection apart."""
    im = PILImage.new("RGB", (64, 48), GREY)
    im.paste(RED, (0, 0, 32, 24))
    im.paste(GREEN, (32, 0, 64, 24))
    im.paste(BLUE, (0, 24, 32, 48))
    return im


def encode(im: PILImage.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    im.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """Build a PNG by hand: what Pillow can't write (16-bit colour, grey of 2 bits, odd chunks)."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def corners(image: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(image[y, x].tolist()) for y in (4, -5) for x in (4, -5)]


def close(image: np.ndarray, wanted: list[tuple[int, ...]], tolerance: int) -> bool:
    return bool(np.abs(np.array(corners(image)) - np.array(wanted)).max() <= tolerance)


def icc(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    """Build an input profile of ICC version 2 from its tags."""
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249), **tags}
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"scnr", space, pcs) + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in (x, y, z)))


# the sRGB curve as sampled table, and primaries adapted to D50
_LINEAR = np.linspace(0, 1, 1024)
SRGB_CURVE = np.where(_LINEAR <= 0.04045, _LINEAR / 12.92, ((_LINEAR + 0.055) / 1.055) ** 2.4)
CURVE = b"curv\0\0\0\0" + struct.pack(">I", 1024) + np.rint(SRGB_CURVE * 65535).astype(">u2").tobytes()
SRGB = np.array([[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]])
P3 = np.array([[0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407]])


def rgb_profile(primaries: np.ndarray) -> bytes:
    tags = {b"rXYZ": xyz(*primaries[0]), b"gXYZ": xyz(*primaries[1]), b"bXYZ": xyz(*primaries[2])}
    return icc(b"RGB ", {**tags, b"rTRC": CURVE, b"gTRC": CURVE, b"bTRC": CURVE})


# --- formats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_formats_are_exact(kind: str, tmp_path: Path) -> None:
    data = encode(quadrants(), kind)
    (tmp_path / "wrong.txt").write_bytes(data)  # names don't count
    for source in (data, bytearray(data), tmp_path / "wrong.txt", str(tmp_path / "wrong.txt")):
        image = decode(source)
        assert np.array_equal(image, np.asarray(quadrants()))
    assert image.dtype == np.uint8
    assert image.flags.writeable
    assert image.flags.c_contiguous


@pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", 3), ("WEBP", 5), ("AVIF", 3)])
def test_lossy_formats_are_close(kind: str, tolerance: int) -> None:
    image = decode(encode(quadrants(), kind, quality=92))
    assert image.shape == (48, 64, 3)
    assert close(image, [RED, GREEN, BLUE, GREY], tolerance)


def test_heic() -> None:
    assert close(decode(DATA / "quadrants.heic"), [RED, GREEN, BLUE, GREY], 3)
    assert close(decode(DATA / "quadrants_10bit.heic"), [RED, GREEN, BLUE, GREY], 3)
    assert close(decode(DATA / "quadrants_alpha.heic"), [RED, GREEN, BLUE, (255, 255, 255)], 3)
    rotated = decode(DATA / "quadrants_rotated.heic")
    assert rotated.shape == (64, 48, 3)
    assert close(rotated, [BLUE, RED, GREY, GREEN], 3)


def test_heic_leaves_pillow_as_it_was() -> None:
    before = (dict(PILImage.OPEN), PILImage.MAX_IMAGE_PIXELS)
    decode(DATA / "quadrants.heic")
    assert (dict(PILImage.OPEN), PILImage.MAX_IMAGE_PIXELS) == before
    assert "HEIF" not in PILImage.OPEN


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_first_frame_of_many(kind: str) -> None:
    second = PILImage.new("RGB", (64, 48), (0, 0, 0))
    image = decode(encode(quadrants(), kind, save_all=True, append_images=[second], quality=95))
    assert close(image, [RED, GREEN, BLUE, GREY], 5)


# --- orientation -------------------------------------------------------------------------------------------------

# what stands in the corners (top left, top right, bottom left, bottom right) when R G / B W is shown as EXIF says
UPRIGHT = {
    1: [RED, GREEN, BLUE, GREY], 2: [GREEN, RED, GREY, BLUE], 3: [GREY, BLUE, GREEN, RED], 4: [BLUE, GREY, RED, GREEN],
    5: [RED, BLUE, GREEN, GREY], 6: [BLUE, RED, GREY, GREEN], 7: [GREY, GREEN, BLUE, RED], 8: [GREEN, GREY, RED, BLUE],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind: str, orientation: int) -> None:
    exif = PILImage.Exif()
    exif[0x112] = orientation
    image = decode(encode(quadrants(), kind, exif=exif, quality=92))
    assert image.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    assert close(image, UPRIGHT[orientation], 5)


@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0garbage", b"Exif\0\0"])
def test_broken_exif_is_ignored(exif: bytes) -> None:
    assert close(decode(encode(quadrants(), "JPEG", exif=exif, quality=92)), [RED, GREEN, BLUE, GREY], 3)


# --- colour ------------------------------------------------------------------------------------------------------


def test_cmyk() -> None:
    # Pillow writes CMYK JPEG with Adobe's marker and inverted, TIFF not inverted: both must come out alike
    for kind in ("JPEG", "TIFF"):
        ink = PILImage.new("CMYK", (16, 16), (0, 255, 255, 0))
        assert np.abs(decode(encode(ink, kind))[8, 8].astype(int) - [255, 0, 0]).max() <= 2
        assert decode(encode(PILImage.new("CMYK", (16, 16), (0, 0, 0, 255)), kind)).max() <= 2


def test_cmyk_profile_is_used() -> None:
    """A profile whose only answer to full cyan is L* = 50, a neutral grey of 119; to no ink, white."""
    identity = bytes(range(256))
    nodes = np.zeros((2, 2, 2, 2, 3), np.uint8)  # C M Y K → Lab, 8 bits: neutral is 128
    nodes[..., 1:] = 128
    nodes[0, ..., 0], nodes[1, ..., 0] = 255, 128
    nodes[:, :, :, 1, 0] = 0  # black, or black point compensation would make the darkest grey black
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * int(i % 4 == 0) for i in range(9)))
    lut += identity * 4 + nodes.tobytes() + identity * 3
    profile = icc(b"CMYK", {b"A2B0": lut}, b"Lab ")
    cyan = decode(encode(PILImage.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF", icc_profile=profile))
    assert np.abs(cyan.astype(int) - 119).max() <= 2
    white = decode(encode(PILImage.new("CMYK", (8, 8), (0, 0, 0, 0)), "TIFF", icc_profile=profile))
    assert white.min() >= 253


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
def test_display_p3_profile(kind: str) -> None:
    color = np.array([180, 100, 60])
    linear = np.interp(color / 255, _LINEAR, SRGB_CURVE) @ P3 @ np.linalg.inv(SRGB)
    wanted = 255 * np.interp(linear, SRGB_CURVE, _LINEAR)
    assert np.abs(wanted - color).max() > 8  # the profile does matter here
    options = {"icc_profile": rgb_profile(P3), "quality": 95}
    image = decode(encode(PILImage.new("RGB", (32, 32), tuple(color.tolist())), kind, **options))
    assert np.abs(image[16, 16] - wanted).max() <= (1.5 if kind in ("PNG", "TIFF") else 4)


def test_profile_with_swapped_channels() -> None:
    image = decode(encode(quadrants(), "PNG", icc_profile=rgb_profile(SRGB[::-1])))
    assert close(image, [c[::-1] for c in (RED, GREEN, BLUE, GREY)], 1)


def test_profile_applies_to_palette_and_keeps_alpha() -> None:
    im = quadrants().quantize(4)
    image = decode(encode(im, "PNG", icc_profile=rgb_profile(SRGB[::-1])))
    assert close(image, [c[::-1] for c in (RED, GREEN, BLUE, GREY)], 1)
    clear = PILImage.new("RGBA", (8, 8), (*RED, 0))
    assert decode(encode(clear, "PNG", icc_profile=rgb_profile(SRGB[::-1]))).min() == 255


def test_grey_profile() -> None:
    linear = icc(b"GRAY", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">I", 0)})
    image = decode(encode(PILImage.new("L", (8, 8), 55), "PNG", icc_profile=linear))  # 55/255 in linear light is 128
    assert np.abs(image.astype(int) - 128).max() <= 1


def test_srgb_profile_leaves_pixels_exact() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    image = decode(encode(PILImage.fromarray(noise), "PNG", icc_profile=rgb_profile(SRGB)))
    assert np.array_equal(image, noise)


@pytest.mark.parametrize("profile", [b"", b"nonsense", rgb_profile(P3)[:200], rgb_profile(P3)[:-500], b"\0" * 4000])
def test_broken_profile_is_ignored(profile: bytes) -> None:
    assert close(decode(encode(quadrants(), "PNG", icc_profile=profile)), [RED, GREEN, BLUE, GREY], 0)


def test_profile_of_another_colour_space_is_ignored() -> None:
    grey = icc(b"GRAY", {b"kTRC": b"curv\0\0\0\0" + struct.pack(">I", 0)})
    assert close(decode(encode(quadrants(), "PNG", icc_profile=grey)), [RED, GREEN, BLUE, GREY], 0)


# --- depth -------------------------------------------------------------------------------------------------------


def test_16_bit_grey() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        image = decode(encode(PILImage.fromarray(ramp), kind))
        assert np.array_equal(image, np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2))


def test_12_bits_in_16_are_not_black() -> None:
    image = decode(encode(PILImage.fromarray(np.array([[0, 2048, 4095]], np.uint16)), "TIFF"))
    assert image[0, :, 0].tolist() == [0, 128, 255]


def test_16_bit_colour() -> None:
    pixels = np.array([[[65535, 0, 0], [32896, 32896, 32896], [255, 256, 65280]]], ">u2")
    assert decode(png(3, 1, 16, 2, b"\0" + pixels.tobytes())).tolist() == [[[255, 0, 0], [128, 128, 128], [0, 1, 255]]]
    rgba = np.array([[[65535, 0, 0, 65535], [0, 0, 0, 0]]], ">u2")
    assert decode(png(2, 1, 16, 6, b"\0" + rgba.tobytes())).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_float_and_32_bit() -> None:
    unit = np.array([[0.0, 0.5, 1.0]], np.float32)
    assert decode(encode(PILImage.fromarray(unit), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]
    bytes_ = np.array([[0.0, 100.0, 255.0]], np.float32)
    assert decode(encode(PILImage.fromarray(bytes_), "TIFF"))[0, :, 0].tolist() == [0, 100, 255]
    stretched = np.array([[-10.0, 0.0, 10.0, np.nan, np.inf]], np.float32)
    assert decode(encode(PILImage.fromarray(stretched), "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 128, 255]
    assert decode(encode(PILImage.fromarray(unit * np.nan), "TIFF")).max() == 0
    whole = np.array([[0, 500_000, 1_000_000]], np.int32)
    assert decode(encode(PILImage.fromarray(whole), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


def test_white_is_zero_tiff() -> None:
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535)):
        im = PILImage.fromarray(np.array([[0, top]], dtype))
        data = bytearray(encode(im, "TIFF"))
        at = data.index(struct.pack("<HHI", 262, 3, 1))
        assert data[at + 8] == 1  # black is zero
        data[at + 8] = 0
        assert decode(bytes(data))[0, :, 0].tolist() == [255, 0]


# --- transparency ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_alpha_over_white(kind: str) -> None:
    im = PILImage.new("RGBA", (32, 32), (0, 0, 0, 0))
    im.paste((200, 0, 0, 128), (0, 16, 32, 32))
    image = decode(encode(im, kind, lossless=True, quality=100)).astype(int)
    assert np.abs(image[4, 4] - 255).max() <= 1
    assert np.abs(image[24, 24] - [227, 127, 127]).max() <= 3  # 128/255 of red on white


def test_grey_alpha_over_white() -> None:
    im = PILImage.fromarray(np.array([[[0, 0], [0, 255], [100, 128]]], np.uint8), "LA")
    assert decode(encode(im, "PNG"))[0, :, 0].tolist() == [255, 0, 177]


def test_palette_transparency() -> None:
    im = quadrants().quantize(4)
    at = im.getpixel((0, 0))
    for transparency in (at, bytes(0 if k == at else 255 for k in range(4))):
        image = decode(encode(im, "PNG", transparency=transparency))
        assert close(image, [(255, 255, 255), GREEN, BLUE, GREY], 0)
    assert close(decode(encode(im, "GIF", transparency=at)), [(255, 255, 255), GREEN, BLUE, GREY], 0)


def test_transparent_colour_of_every_depth() -> None:
    assert decode(png(4, 1, 2, 0, b"\0\x1b", chunk(b"tRNS", b"\0\1")))[0, :, 0].tolist() == [0, 255, 170, 255]
    assert decode(png(8, 1, 1, 0, b"\0\x0f", chunk(b"tRNS", b"\0\0")))[0, :, 0].tolist() == [255] * 8
    grey = np.array([9000, 60000], ">u2").tobytes()
    assert decode(png(2, 1, 16, 0, b"\0" + grey, chunk(b"tRNS", grey[:2])))[0, 0].tolist() == [255, 255, 255]
    colour = np.array([9000, 0, 0, 0, 0, 0], ">u2").tobytes()
    assert decode(png(2, 1, 16, 2, b"\0" + colour, chunk(b"tRNS", colour[:6])))[0, :, 0].tolist() == [255, 0]


# --- limits and messages -----------------------------------------------------------------------------------------


def test_limits() -> None:
    data = encode(quadrants(), "PNG")
    assert decode(data, max_bytes=len(data), max_pixels=64 * 48).shape == (48, 64, 3)
    with pytest.raises(ImageError, match="larger than"):
        decode(data, max_bytes=len(data) - 1)
    with pytest.raises(ImageError, match=r"64 × 48 pixels.*Scale it down"):
        decode(data, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"<svg xmlns='x'/>", "an SVG"),
        (b"PK\x03\x04abcdefgh", "zip"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"%!PS-Adobe EPSF", "not a picture"),
        (b"hello", "Accepted are JPEG"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        ("no such file.png", "no file 'no such file.png'"),
        (Path("/"), "folder"),
        ("a\0b", "'a.*b'"),
        (12, "bytes or as a path"),
        (None, "NoneType"),
    ],
)
def test_messages(source: object, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        decode(source)  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_devices_are_refused() -> None:
    with pytest.raises(ImageError, match="device"):
        decode("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "locked.png"
    path.write_bytes(encode(quadrants(), "PNG"))
    path.chmod(0)
    with pytest.raises(ImageError, match="permissions"):
        decode(path)


def test_warnings_as_errors_stay_image_errors() -> None:
    broken = encode(quadrants(), "TIFF")[:-9]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(encode(quadrants().quantize(4), "PNG", transparency=b"\0\x80")).shape == (48, 64, 3)
        with pytest.raises(ImageError):
            decode(broken)


def test_many_threads() -> None:
    files = [encode(quadrants(), kind, quality=92) for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "GIF")]
    files.append((DATA / "quadrants.heic").read_bytes())
    files.append(encode(quadrants(), "PNG", icc_profile=rgb_profile(P3)))
    alone = [decode(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, files * 8))
    assert all(np.array_equal(image, alone[i % len(files)]) for i, image in enumerate(together))


# --- ground truth ------------------------------------------------------------------------------------------------


def test_labels_keep_their_indices() -> None:
    labels = np.array([[0, 3, 10], [255, 1, 0]], np.uint8)
    indexed = PILImage.fromarray(labels)
    indexed.putpalette(np.random.default_rng(1).integers(0, 256, 768, np.uint8).tobytes())
    assert indexed.mode == "P"
    for im in (indexed, PILImage.fromarray(labels), PILImage.fromarray(labels.astype(np.uint16))):
        for kind in ("PNG", "TIFF"):
            got = decode_labels(encode(im, kind), CAMVID)
            assert got.dtype == np.uint8
            assert np.array_equal(got, labels)


@pytest.mark.parametrize("colour", [0, 3])
@pytest.mark.parametrize(("bits", "row"), [(1, b"\x50\x50"), (2, b"\x1b\x1b"), (4, b"\x01\x23"), (8, b"\0\1\2\3")])
def test_labels_of_few_bits(bits: int, row: bytes, colour: int) -> None:
    table = [chunk(b"PLTE", bytes(range(48)))] if colour == 3 else []
    got = decode_labels(png(4, 1, bits, colour, b"\0" + row, *table), CAMVID)
    assert got.tolist() == [[0, 1, 0, 1] if bits == 1 else [0, 1, 2, 3]]


def test_labels_name_what_does_not_fit() -> None:
    with pytest.raises(ImageError, match=r"value 11, 200.*0 Sky, .*10 Bicyclist.*255 means"):
        decode_labels(encode(PILImage.fromarray(np.array([[0, 11, 200]], np.uint8)), "PNG"), CAMVID)
    with pytest.raises(ImageError, match="value 300"):
        decode_labels(encode(PILImage.fromarray(np.array([[0, 300]], np.uint16)), "PNG"), CAMVID)
    with pytest.raises(ImageError, match="value -1"):
        decode_labels(encode(PILImage.fromarray(np.array([[0, -1]], np.int32)), "TIFF"), CAMVID)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_labels_in_colour_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match=r"in colour.*indexed"):
        decode_labels(encode(quadrants().convert(mode), "PNG"), CAMVID)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_labels_in_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="can't hold labels"):
        decode_labels(encode(PILImage.new("L", (8, 8)), kind), CAMVID)


def test_labels_obey_limits_and_truncation() -> None:
    data = encode(PILImage.fromarray(np.random.default_rng(0).integers(0, 11, (64, 64), np.uint8)), "PNG")
    with pytest.raises(ImageError, match="Scale it down"):
        decode_labels(data, CAMVID, max_pixels=100)
    with pytest.raises(ImageError, match="damaged"):
        decode_labels(data[: len(data) // 2], CAMVID)
