"""COCO's panoptic format: against its schema, read as others read it, there and back; instance ids as 16-bit PNG."""

from __future__ import annotations

import io
import json

import jsonschema
import numpy as np
import pytest
from PIL import Image as Pil
from pycocotools import mask as coco_mask

from seglab.export.panoptic_png import (
    Entry,
    category_ids,
    ids_png,
    panoptic_json,
    panoptic_png,
    read_ids_png,
    read_panoptic,
)
from seglab.metrics.panoptic import panoptic_quality
from seglab.palettes import CAMVID
from seglab.types import Palette, PanopticResult, Segment

WHOLE = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
NAME = TEXT | {"minLength": 1}


def record(**properties):
    return {"type": "object", "required": list(properties), "properties": properties}


def many(item, **more):
    return {"type": "array", "items": item, **more}


# cocodataset.org, "Data format", sections 1 (what all of COCO's files share) and 4 (panoptic).
SCHEMA = record(
    info=record(year=WHOLE, version=NAME, description=NAME, contributor=NAME, url=TEXT, date_created=NAME),
    licenses=many(record(id=WHOLE, name=NAME, url=TEXT)),
    images=many(record(id=WHOLE, width=WHOLE, height=WHOLE, file_name=NAME, license=WHOLE), minItems=1),
    annotations=many(
        record(
            image_id=WHOLE,
            file_name={"type": "string", "pattern": r"\.png$"},
            segments_info=many(
                record(
                    id={"type": "integer", "minimum": 1, "maximum": 2**24 - 1},
                    category_id=WHOLE,
                    area={"type": "integer", "minimum": 1},
                    bbox=many(WHOLE, minItems=4, maxItems=4),
                    iscrowd={"enum": [0, 1]},
                )
                | {"additionalProperties": {"type": "number"}}
            ),
        ),
        minItems=1,
    ),
    categories=many(
        record(
            id=WHOLE, name=NAME, supercategory=NAME, isthing={"enum": [0, 1]},
            color=many({"type": "integer", "minimum": 0, "maximum": 255}, minItems=3, maxItems=3),
        ),
        minItems=1,
    ),
)  # fmt: skip


def drawn(seed, shape=(40, 56), palette=CAMVID, numbers=(1, 255, 256, 65_535, 65_536, 7_000_000, 2**24 - 1)):
    """A map of blobs with ids of one, two and three bytes, and void."""
    rng = np.random.default_rng(seed)
    ids = np.kron(rng.choice([0, *numbers], (5, 7)), np.ones((8, 8)))[: shape[0], : shape[1]].astype(np.int32)
    segments = []
    for i in sorted(set(ids.ravel().tolist()) - {0}, key=lambda i: -i):
        label = int(rng.integers(0, len(palette)))
        thing = label in palette.things
        segments.append(Segment(i, label, thing, int((ids == i).sum()), 0.25 if thing else 1.0))
    return PanopticResult(ids, tuple(segments), palette)


def same(a, b):
    assert a.segments == b.segments
    np.testing.assert_array_equal(a.segment_ids, b.segment_ids)


def test_two_pictures_there_and_back():
    one, two = drawn(0), drawn(1, (33, 21))
    crowd = frozenset({two.segments[0].id})
    entries = [Entry("street/a.jpg", one), Entry("b.png", two, crowd, "b_panoptic.png")]
    content = panoptic_json(entries)
    again = read_panoptic(content, {"a.png": panoptic_png(one), "b_panoptic.png": panoptic_png(two)}, "CamVid")
    assert [(e.file_name, e.png_name, e.image_id) for e in again] == [
        ("a.jpg", "a.png", 1), ("b.png", "b_panoptic.png", 2),
    ]  # fmt: skip
    assert [entry.crowd for entry in again] == [frozenset(), crowd]
    for entry, expected in zip(again, (one, two), strict=True):
        same(entry.result, expected)
        assert entry.result.palette == CAMVID
        assert panoptic_quality(entry.result, expected).sums.average().pq == 1
    assert panoptic_json(again) == content


def test_the_file_is_what_the_format_asks_for():
    results = [drawn(0), drawn(1, (33, 21))]
    content = json.loads(
        panoptic_json([Entry("a.jpg", results[0]), Entry("b.jpg", results[1], frozenset({results[1].segments[0].id}))])
    )
    jsonschema.validate(content, SCHEMA)
    assert [c["name"] for c in content["categories"] if c["isthing"]] == ["Car", "Pedestrian", "Bicyclist"]
    assert [c["id"] for c in content["categories"]] == list(range(1, 12))
    assert [(i["width"], i["height"]) for i in content["images"]] == [(56, 40), (21, 33)]
    for result, annotation in zip(results, content["annotations"], strict=True):
        picture = Pil.open(io.BytesIO(panoptic_png(result)))
        assert picture.mode == "RGB"
        red, green, blue = np.moveaxis(np.asarray(picture).astype(int), 2, 0)
        ids = red + 256 * green + 256 * 256 * blue
        np.testing.assert_array_equal(ids, result.segment_ids)
        assert [info["id"] for info in annotation["segments_info"]] == [s.id for s in result.segments]
        for info, segment in zip(annotation["segments_info"], result.segments, strict=True):
            code = coco_mask.encode(np.asfortranarray((ids == info["id"]).astype(np.uint8)))
            assert info["area"] == coco_mask.area(code)
            assert info["bbox"] == coco_mask.toBbox(code).tolist()
            assert info["category_id"] == segment.label + 1
            assert ("score" in info) == segment.thing
    assert [info["iscrowd"] for info in content["annotations"][1]["segments_info"]][:2] == [1, 0]
    broken = json.loads(json.dumps(content))
    del broken["annotations"][0]["segments_info"][0]["bbox"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


def test_a_file_as_coco_itself_has_it():
    """Ids made from colours, categories with gaps in their ids, pictures numbered at will, a crowd, no scores."""
    categories = [
        {"supercategory": "person", "color": [220, 20, 60], "isthing": 1, "id": 1, "name": "person"},
        {"supercategory": "sports", "color": [78, 180, 255], "isthing": 1, "id": 37, "name": "sports ball"},
        {"supercategory": "plant", "isthing": 0, "id": 184, "name": "tree-merged"},
    ]
    names = ["000000142238", "000000439180"]
    maps = [
        np.array([[3937500, 3937500, 0], [2330219, 16757838, 2330219]]),
        np.array([[2330219, 3153362], [5120499, 5120499]]),
    ]
    of = {3937500: (1, 0), 2330219: (184, 0), 16757838: (37, 0), 3153362: (1, 0), 5120499: (1, 1)}
    boxes = {
        0: {3937500: [0, 0, 2, 1], 2330219: [0, 1, 3, 1], 16757838: [1, 1, 1, 1]},
        1: {2330219: [0, 0, 1, 1], 3153362: [1, 0, 1, 1], 5120499: [0, 1, 2, 1]},
    }
    content = {
        "images": [{"license": 2, "file_name": f"{name}.jpg", "height": 2, "width": 3 - n, "id": int(name)}
                   for n, name in enumerate(names)],
        "annotations": [
            {
                "segments_info": [
                    {"area": int((ids == i).sum()), "category_id": of[i][0], "iscrowd": of[i][1], "id": i, "bbox": box}
                    for i, box in boxes[n].items()
                ],
                "file_name": f"{name}.png",
                "image_id": int(name),
            }
            for n, (name, ids) in enumerate(zip(names, maps, strict=True))
        ],
        "categories": categories,
    }  # fmt: skip
    pngs = {}
    for name, ids in zip(names, maps, strict=True):
        out = io.BytesIO()
        Pil.fromarray(np.stack([ids % 256, ids // 256 % 256, ids // 65536], 2).astype(np.uint8)).save(out, "PNG")
        pngs[f"{name}.png"] = out.getvalue()
    given = json.dumps(content).encode()
    entries = read_panoptic(given, pngs)
    palette = entries[0].result.palette
    assert palette.names == ("person", "sports ball", "tree-merged")
    assert palette.colors == ((220, 20, 60), (78, 180, 255), (128, 128, 128))
    assert palette.things == (0, 1)
    assert category_ids(given) == (1, 37, 184)
    for entry, ids in zip(entries, maps, strict=True):
        np.testing.assert_array_equal(entry.result.segment_ids, ids)
    assert [entry.crowd for entry in entries] == [frozenset(), frozenset({5120499})]
    again = json.loads(panoptic_json(entries, category_ids(given)))
    assert again["annotations"] == content["annotations"]
    for key in ("id", "name", "isthing"):
        assert [c[key] for c in again["categories"]] == [c[key] for c in categories]
    assert [(i["id"], i["file_name"]) for i in again["images"]] == [(int(name), f"{name}.jpg") for name in names]


def test_a_picture_of_void_and_names_of_any_kind():
    palette = Palette('say "hi" ☃', ("line\nbreak", "\ud800"), ((0, 0, 0), (1, 2, 3)))
    void = PanopticResult(np.zeros((2, 3), np.int32), (), palette)
    content = panoptic_json([Entry('../da ta/"x" ü☃.jpg', void)])
    jsonschema.validate(json.loads(content), SCHEMA)
    (entry,) = read_panoptic(content, {'"x" ü☃.png': panoptic_png(void)}, palette.title)
    same(entry.result, void)
    assert entry.result.palette == palette


def test_what_cannot_be_written_is_explained():
    large = PanopticResult(np.full((1, 1), 2**24, np.int32), (Segment(2**24, 0, False, 1),), CAMVID)
    with pytest.raises(ValueError, match="got 16777216"):
        panoptic_png(large)
    result = drawn(0)
    other = PanopticResult(np.zeros((1, 1), np.int32), (), Palette("x", ("a",), ((0, 0, 0),)))
    for entries, options, message in [
        ([], {}, "no result"),
        ([Entry("a.jpg", result), Entry("b.jpg", other)], {}, "several palettes"),
        ([Entry("a.jpg", result), Entry("a.png", result)], {}, "one name of a PNG"),
        ([Entry("a.jpg", result, image_id=2), Entry("b.jpg", result)], {}, "one id"),
        ([Entry("a.jpg", result, frozenset({12345}))], {}, "12345"),
        ([Entry("a.jpg", result)], {"category_ids": [1, 2]}, "11 ids of categories"),
        ([Entry("a.jpg", result)], {"category_ids": [1] * 11}, "all different"),
    ]:
        with pytest.raises(ValueError, match=message):
            panoptic_json(entries, **options)


def test_what_cannot_be_read_is_explained():
    result = drawn(0)
    content, png = panoptic_json([Entry("a.jpg", result)]), panoptic_png(result)
    grey = io.BytesIO()
    Pil.new("L", (3, 3)).save(grey, "PNG")

    def changed(change):
        data = json.loads(content)
        change(data)
        return json.dumps(data).encode()

    info = ("annotations", 0, "segments_info", 0)

    def at(data, path):
        for key in path:
            data = data[key]
        return data

    for given, pngs, message in [
        (content, {"b.png": png}, "picture a.png, which isn't there; there are b.png"),
        (content, {"a.png": png[:100]}, "a.png is no PNG"),
        (content, {"a.png": b"GIF89a"}, "a.png is no PNG"),
        (content, {"a.png": grey.getvalue()}, "three channels"),
        (content, {"a.png": panoptic_png(drawn(1, numbers=(5,)))}, "must agree"),
        (b"[]", {}, "COCO's panoptic format"),
        (b"no json", {}, "Expecting value"),
        (changed(lambda d: d.pop("categories")), {"a.png": png}, "'categories'"),
        (changed(lambda d: at(d, info).pop("iscrowd")), {"a.png": png}, "'iscrowd'"),
        (changed(lambda d: at(d, info).update(category_id=99)), {"a.png": png}, "99"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_panoptic(given, pngs)


@pytest.mark.parametrize("shape", [(1, 1), (37, 53)])
def test_instance_ids_are_sixteen_bits(shape):
    ids = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    content = ids_png(ids)
    assert content[24:26] == bytes([16, 0]), "bit depth and colour type (grey) in the PNG header"
    np.testing.assert_array_equal(np.asarray(Pil.open(io.BytesIO(content))), ids)
    again = read_ids_png(content)
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again, ids)


def test_instance_ids_of_eight_bits_are_read_and_others_refused():
    out = io.BytesIO()
    Pil.fromarray(np.array([[0, 255]], np.uint8)).save(out, "PNG")
    assert read_ids_png(out.getvalue()).tolist() == [[0, 255]]
    with pytest.raises(ValueError, match="mode RGB"):
        read_ids_png(panoptic_png(drawn(0)))
    with pytest.raises(ValueError, match="no PNG"):
        read_ids_png(b"")
    with pytest.raises(ValueError, match="uint16"):
        ids_png(np.zeros((2, 2), np.int32))
