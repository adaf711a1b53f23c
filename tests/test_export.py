"""Every export opened in what it is for: pycocotools, Pillow, NumPy, csv; LabelMe and VIA against their schema."""

from __future__ import annotations

import base64
import csv
import io
import json
from time import process_time

import jsonschema
import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageDraw
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from skimage.draw import disk, ellipse, line
from skimage.draw import polygon as fill

from seglab import draw, export
from seglab.export.polygons import MIN_AREA, polygons
from seglab.export.tools import MAX_BORDER
from seglab.palettes import CAMVID, VOC
from seglab.types import Crop, InstanceResult, Palette, SemanticResult

NASTY = Palette(
    'nasty "; DROP',
    ('a,"b"', "=1+2", "line\nbreak", "Straße ☃", "</script>", "\ud800 half a surrogate"),
    ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9), (1, 2, 3)),
    things=(1,),
)
NASTY_FILE = '../da ta/"x", <b>ü☃\n.jpg'

# What LabelMe's LabelFile.load demands and .save writes.
LABELME_SCHEMA = {
    "type": "object",
    "required": ["version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"],
    "additionalProperties": False,
    "properties": {
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "imagePath": {"type": "string", "minLength": 1},
        "imageData": {"type": ["string", "null"]},
        "imageHeight": {"type": "integer", "minimum": 1},
        "imageWidth": {"type": "integer", "minimum": 1},
        "shapes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["label", "points", "group_id", "shape_type", "flags"],
                "additionalProperties": False,
                "properties": {
                    "label": {"type": "string"},
                    "points": {
                        "type": "array",
                        "minItems": 3,
                        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                    },
                    "group_id": {"type": ["integer", "null"]},
                    "description": {"type": "string"},
                    "shape_type": {"const": "polygon"},
                    "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
                },
            },
        },
    },
}
# What VIA 2's project files hold (its code documentation, "Core Data Structures", and its saved projects).
VIA_SCHEMA = {
    "type": "object",
    "required": ["_via_settings", "_via_img_metadata", "_via_attributes"],
    "additionalProperties": False,
    "properties": {
        "_via_settings": {
            "type": "object",
            "required": ["ui", "core", "project"],
            "properties": {"project": {"type": "object", "required": ["name"]}},
        },
        "_via_data_format_version": {"type": "string"},
        "_via_image_id_list": {"type": "array", "items": {"type": "string"}},
        "_via_attributes": {
            "type": "object",
            "required": ["region", "file"],
            "properties": {
                "region": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "required": ["type", "description", "options", "default_options"],
                        "properties": {"type": {"enum": ["text", "checkbox", "radio", "image", "dropdown"]}},
                    },
                },
                "file": {"type": "object"},
            },
        },
        "_via_img_metadata": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["filename", "size", "regions", "file_attributes"],
                "additionalProperties": False,
                "properties": {
                    "filename": {"type": "string"},
                    "size": {"type": "integer"},
                    "file_attributes": {"type": "object"},
                    "regions": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["shape_attributes", "region_attributes"],
                            "additionalProperties": False,
                            "properties": {
                                "shape_attributes": {
                                    "type": "object",
                                    "required": ["name", "all_points_x", "all_points_y"],
                                    "properties": {
                                        "name": {"const": "polygon"},
                                        "all_points_x": {"type": "array", "minItems": 3, "items": {"type": "number"}},
                                        "all_points_y": {"type": "array", "minItems": 3, "items": {"type": "number"}},
                                    },
                                },
                                "region_attributes": {"type": "object", "additionalProperties": {"type": "string"}},
                            },
                        },
                    },
                },
            },
        },
    },
}


def scene(height=240, width=320):
    """Street-like labels with what is hard: holes, a region in a hole, thin poles, touching corners, unsure pixels."""
    labels = np.full((height, width), 3, np.uint8)
    labels[:90], labels[90:150, :140] = 0, 1
    labels[ellipse(100, 250, 60, 50)] = 5
    labels[disk((95, 240), 25)] = 0  # sky seen through the tree
    labels[disk((95, 240), 12)] = 5
    labels[100:110, 40:60] = labels[100:110, 80:100] = 4  # windows: holes of the building
    for x in (20, 160, 300):
        labels[30:200, x : x + 2] = 2
    labels[line(200, 30, 120, 200)] = 2
    labels[disk((190, 120), 30)] = 8
    labels[disk((190, 180), 30)] = 8  # two cars that touch
    labels[170:200, 100:101] = 9
    labels[220:, 200:260] = 255
    return labels


def labelme_raster(points, shape):
    """LabelMe's own way (labelme.utils.shape_to_mask): Pillow fills the polygon and draws its outline."""
    mask = Pil.new("L", shape[::-1])
    ImageDraw.Draw(mask).polygon([tuple(p) for p in points], outline=1, fill=1)
    return np.asarray(mask, bool)


def via_raster(points, shape):
    """The way of the training codes that read VIA files: skimage.draw.polygon of the points as they are."""
    mask = np.zeros(shape, bool)
    x, y = np.asarray(points).T
    mask[fill(y, x, shape)] = True
    return mask


def labelme_masks(content, palette):
    """Union of the polygons of each class."""
    shape = content["imageHeight"], content["imageWidth"]
    masks = np.zeros((len(palette), *shape), bool)
    for found in content["shapes"]:
        masks[palette.index(found["label"])] |= labelme_raster(found["points"], shape)
    return masks


def via_masks(content, palette, shape):
    masks = np.zeros((len(palette), *shape), bool)
    (picture,) = content["_via_img_metadata"].values()
    for region in picture["regions"]:
        points = np.stack([region["shape_attributes"][f"all_points_{axis}"] for axis in "xy"], axis=1)
        masks[palette.index(region["region_attributes"]["class"])] |= via_raster(points, shape)
    return masks


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def camvid(data):
    """A few real label maps with 255 for unlabelled."""
    for path in sorted((data / "camvid" / "valannot").iterdir())[::34]:
        labels = np.array(Pil.open(path))
        yield np.where(labels == 11, np.uint8(255), labels)


# --- polygons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_unthinned_polygons_are_exact_with_holes_in_holes_and_touching_corners(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((30, 34)) > rng.uniform(0.2, 0.8)
    mask = mask if seed % 2 else np.kron(mask, np.ones((3, 2), bool))
    mask[5:15, 4:20], mask[7:13, 6:18], mask[9:11, 8:16] = True, False, True  # a region in a hole of a region
    small = np.zeros_like(mask)
    for points in polygons(mask, tolerance=0):
        small |= labelme_raster(points + 0.5, mask.shape)
        np.testing.assert_array_equal(
            labelme_raster(points + 0.5, mask.shape), via_raster(points, mask.shape), "two rasterisers, two regions"
        )
    # What may differ is single pixels: specks are left out and holes of one pixel are filled.
    different = np.pad(small != mask, 1)
    middle, around = different[1:-1, 1:-1], np.pad(mask, 1)
    lonely = np.ones_like(mask)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        lonely &= around[1 + dy : around.shape[0] - 1 + dy, 1 + dx : around.shape[1] - 1 + dx] != mask
    assert not (middle & ~lonely).any()


def test_a_solid_shape_is_one_polygon_and_a_ring_keeps_its_hole():
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:50], mask[25:35, 25:35] = True, False
    (points,) = polygons(mask)
    assert len(points) <= 24
    np.testing.assert_array_equal(via_raster(points, mask.shape), mask)
    mask[25:35, 25:35] = True
    (points,) = polygons(mask)
    assert len(points) <= 9
    assert not polygons(np.zeros((4, 4), bool))
    assert polygons(np.ones((1, 1), bool)) == []
    assert MIN_AREA == 1.0


def test_polygons_want_a_bool_mask():
    with pytest.raises(ValueError, match="bool array"):
        polygons(np.ones((3, 3), np.uint8))


# --- LabelMe and VIA --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 3])
def test_labelme_and_via_give_the_labels_back(factor):
    labels = np.kron(scene(), np.ones((factor, factor), np.uint8))
    labelme = json.loads(export.labelme_json(labels, CAMVID, "street.jpg"))
    via = json.loads(export.via_json(labels, CAMVID, "street.jpg", 4321))
    jsonschema.validate(labelme, LABELME_SCHEMA)
    jsonschema.validate(via, VIA_SCHEMA)
    one, other = labelme_masks(labelme, CAMVID), via_masks(via, CAMVID, labels.shape)
    for k in np.unique(labels[labels != 255]):
        assert overlap(one[k], labels == k) >= 0.98, CAMVID.names[k]
        assert overlap(other[k], labels == k) >= 0.98, CAMVID.names[k]
    assert {shape["label"] for shape in labelme["shapes"]} == {CAMVID.names[k] for k in np.unique(labels) if k != 255}


def test_labelme_and_via_give_real_label_maps_back(data):
    kept = []
    for labels in camvid(data):
        one = labelme_masks(json.loads(export.labelme_json(labels, CAMVID, "x.png")), CAMVID)
        other = via_masks(json.loads(export.via_json(labels, CAMVID, "x.png")), CAMVID, labels.shape)
        for k in range(len(CAMVID)):
            if (labels == k).sum() >= 50:
                kept += [overlap(one[k], labels == k), overlap(other[k], labels == k)]
    assert len(kept) > 30
    assert min(kept) >= 0.98


def test_labelme_carries_the_picture_and_the_background_is_not_drawn():
    labels = np.zeros((40, 50), np.uint8)
    labels[10:30, 10:40] = 15
    image = np.full((40, 50, 3), (200, 100, 50), np.uint8)
    content = json.loads(export.labelme_json(labels, VOC, "C:\\photos\\me.png", image))
    jsonschema.validate(content, LABELME_SCHEMA)
    assert content["imagePath"] == "me.png"
    assert [shape["label"] for shape in content["shapes"]] == ["person"]
    inside = np.asarray(Pil.open(io.BytesIO(base64.b64decode(content["imageData"], validate=True))))
    assert np.abs(inside.astype(int) - image).max() <= 3
    assert json.loads(export.labelme_json(labels, VOC, "me.png"))["imageData"] is None


def test_via_key_is_name_and_size_and_points_stay_inside():
    labels = scene()[60:120, :80][:, ::-1]
    content = json.loads(export.via_json(labels, CAMVID, "a.jpg", 777))
    assert list(content["_via_img_metadata"]) == content["_via_image_id_list"] == ["a.jpg777"]
    assert set(content["_via_attributes"]["region"]["class"]["options"]) == set(CAMVID.names)
    for region in content["_via_img_metadata"]["a.jpg777"]["regions"]:
        shape = region["shape_attributes"]
        assert len(shape["all_points_x"]) == len(shape["all_points_y"])
        assert 0 <= min(shape["all_points_x"]) <= max(shape["all_points_x"]) <= 79
        assert 0 <= min(shape["all_points_y"]) <= max(shape["all_points_y"]) <= 59


def test_a_noisy_map_is_traced_coarser_and_stays_small():
    labels = np.random.default_rng(0).integers(0, 11, (700, 700), np.uint8)
    assert (labels[1:] != labels[:-1]).sum() > MAX_BORDER
    content = export.labelme_json(labels, CAMVID, "x.png")
    assert len(content) < 4_000_000
    found = np.array([p for shape in json.loads(content)["shapes"] for p in shape["points"]])
    assert ((found >= 0) & (found <= 700)).all()
    np.testing.assert_allclose([found.min(0), found.max(0)], [[0, 0], [700, 700]], atol=10)  # scaled up again


# --- COCO -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_rle_is_pycocotools_byte_for_byte(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 90, 2)
    mask = rng.random((height, width)) < rng.choice([0, 0.02, 0.5, 0.98, 1])
    if seed % 3 == 0:
        mask = np.kron(mask, np.ones((17, 13), bool))  # long runs: several letters for a number
    expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert export.rle(mask) == expected


def open_coco(content: bytes, tmp_path) -> COCO:
    path = tmp_path / "coco.json"
    path.write_bytes(content)
    return COCO(str(path))


def check_coco(labels, palette, tmp_path):
    coco = open_coco(export.coco_json(labels, palette, "photo.jpg"), tmp_path)
    again = np.full_like(labels, 255)
    for ann in coco.loadAnns(coco.getAnnIds(imgIds=[1])):
        mask = coco.annToMask(ann).astype(bool)
        assert (again[mask] == 255).all()
        again[mask] = palette.index(coco.loadCats(ann["category_id"])[0]["name"])
        encoded = ann["segmentation"]
        assert isinstance(encoded["counts"], str)
        assert ann["iscrowd"] == 1
        assert ann["area"] == coco_mask.area(encoded)
        assert ann["bbox"] == coco_mask.toBbox(encoded).tolist()
    np.testing.assert_array_equal(again, labels)
    return coco


def test_coco_gives_the_labels_back(tmp_path):
    labels = scene()
    coco = check_coco(labels, CAMVID, tmp_path)
    assert {*coco.dataset} == {"info", "licenses", "images", "annotations", "categories"}
    assert len(coco.anns) == len(np.unique(labels[labels != 255]))
    assert coco.imgs[1] == {"id": 1, "file_name": "photo.jpg", "width": 320, "height": 240, "license": 1}
    assert coco.dataset["licenses"][0]["id"] == 1
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(CAMVID.names)
    assert [c["name"] for c in coco.loadCats(coco.getCatIds(supNms=["thing"]))] == ["Car", "Pedestrian", "Bicyclist"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (33, 57)])
@pytest.mark.parametrize("values", [[0], [255], [0, 20, 255]])
def test_coco_gives_any_map_back(shape, values, tmp_path):
    labels = np.random.default_rng(1).choice(np.array(values, np.uint8), shape)
    check_coco(labels, VOC, tmp_path)


def test_coco_gives_real_label_maps_back(data, tmp_path):
    for labels in camvid(data):
        check_coco(labels, CAMVID, tmp_path)


def test_coco_gives_overlapping_objects_back(tmp_path):
    rng = np.random.default_rng(0)
    crops, places = [], [(0, 0, 20, 30), (5, 3, 15, 9), (0, 29, 20, 1), (19, 0, 1, 30), (4, 4, 3, 3)]
    for top, left, height, width in places:
        crops.append(Crop.of(rng.random((height, width)) < 0.6, top, left))
    crops.append(Crop.of(np.zeros((2, 2), bool), 1, 1))  # nothing of it passed the mask threshold
    n = len(crops)
    scores = np.linspace(0.9, 0.4, n, dtype=np.float32)
    result = InstanceResult(np.zeros((n, 4), np.float32), np.arange(n), scores, tuple(crops), (20, 30), CAMVID)
    coco = open_coco(export.coco_objects_json(result, "photo.jpg"), tmp_path)
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1], iscrowd=False))
    assert len(annotations) == n - 1
    for i, ann in enumerate(annotations):
        assert np.array_equal(coco.annToMask(ann).astype(bool), result.mask(i))
        encoded = {**ann["segmentation"], "counts": ann["segmentation"]["counts"].encode()}
        assert ann["area"] == coco_mask.area(encoded)
        assert ann["bbox"] == coco_mask.toBbox(encoded).tolist()
        assert coco.loadCats(ann["category_id"])[0]["name"] == CAMVID.names[i]
        assert ann["score"] == pytest.approx(scores[i], abs=1e-4)


# --- pictures, arrays, table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [CAMVID, VOC])
def test_indexed_png_has_labels_palette_and_unsure(palette):
    labels = scene() if palette is CAMVID else np.where(scene() == 3, np.uint8(20), scene())
    content = export.indexed_png(labels, palette)
    picture = Pil.open(io.BytesIO(content))
    assert picture.mode == "P"
    assert content[24] == 8, "bit depth in the PNG header"
    np.testing.assert_array_equal(np.asarray(picture), labels)
    table = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    np.testing.assert_array_equal(table, palette.lut())
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), draw.colorize(labels, palette))


def test_indexed_png_of_few_classes_is_still_8_bits():
    content = export.indexed_png(np.zeros((5, 5), np.uint8), CAMVID)
    assert content[24] == 8
    assert Pil.open(io.BytesIO(content)).mode == "P"


def test_overlay_jpeg_is_the_overlay():
    labels = scene()
    image = np.repeat(np.linspace(0, 255, labels.shape[1]).astype(np.uint8)[None, :, None], labels.shape[0], 0)
    image = np.repeat(image, 3, 2)
    picture = Pil.open(io.BytesIO(export.overlay_jpeg(image, labels, CAMVID, 0.4)))
    assert picture.format == "JPEG"
    error = np.abs(np.asarray(picture).astype(int) - draw.overlay(image, labels, CAMVID, 0.4))
    assert error.mean() < 3


def test_cutout_png_has_soft_alpha():
    image = np.full((50, 60, 3), 120, np.uint8)
    alpha = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (50, 1))
    picture = Pil.open(io.BytesIO(export.cutout_png(image, alpha)))
    assert picture.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(picture), draw.cut_out(image, alpha))
    assert len(np.unique(np.asarray(picture)[..., 3])) > 50


def test_npz_opens_without_pickles():
    labels = scene()
    logits = np.random.default_rng(0).normal(size=(11, 30, 40)).astype(np.float16)
    with np.load(io.BytesIO(export.npz(SemanticResult(labels, logits, CAMVID))), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["labels"], labels)
        np.testing.assert_array_equal(arrays["logits"], logits)
        assert arrays["logits"].dtype == np.float16
        assert tuple(arrays["class_names"]) == CAMVID.names
        assert tuple(map(tuple, arrays["colors"])) == CAMVID.colors


def test_areas_add_up():
    labels = scene()
    rows = list(csv.DictReader(io.StringIO(export.areas_csv(labels, CAMVID).decode(), newline="")))
    assert [row["class"] for row in rows] == [*CAMVID.names, "unsure"]
    assert [int(row["pixels"]) for row in rows] == [*((labels == k).sum() for k in range(11)), (labels == 255).sum()]
    assert sum(float(row["percent"]) for row in rows) == pytest.approx(100, abs=1e-3)


# --- all of them ------------------------------------------------------------------------------------------------------


def source(labels, palette, **more):
    image = draw.heat(np.add.outer(*(np.sin(np.arange(n) / 9) for n in labels.shape)), vmin=-2, vmax=2)
    logits = np.random.default_rng(0).normal(size=(len(palette), 12, 16)).astype(np.float16)
    return export.Source(image, SemanticResult(labels, logits, palette), **more)


def test_any_name_of_class_or_file_comes_through(tmp_path):
    labels = np.kron(np.array([[0, 1, 2], [3, 4, 5]], np.uint8), np.ones((20, 20), np.uint8))
    made = {
        form.key: form.function(source(labels, NASTY, file_name=NASTY_FILE, alpha=np.ones(labels.shape, np.float32)))
        for form in export.FORMATS
    }
    labelme, via = json.loads(made["labelme"]), json.loads(made["via"])
    jsonschema.validate(labelme, LABELME_SCHEMA)
    jsonschema.validate(via, VIA_SCHEMA)
    assert {shape["label"] for shape in labelme["shapes"]} == set(NASTY.names)
    assert labelme["imagePath"] == NASTY_FILE.split("/")[-1]
    assert [c["name"] for c in open_coco(made["coco"], tmp_path).dataset["categories"]] == list(NASTY.names)
    rows = list(csv.reader(io.StringIO(made["areas"].decode(), newline="")))
    assert {len(row) for row in rows} == {3}
    assert [row[0] for row in rows[1:5]] == ['a,"b"', "'=1+2", "line\nbreak", "Straße ☃"]


def test_the_table_of_formats_is_complete_and_its_files_are_told_apart():
    assert [form.key for form in export.FORMATS] == [
        "png", "overlay", "cutout", "npz", "coco", "labelme", "via", "areas",
    ]  # fmt: skip
    assert len({form.suffix for form in export.FORMATS}) == len(export.FORMATS)
    cutout = next(form for form in export.FORMATS if form.needs_alpha)
    with pytest.raises(ValueError, match="needs an alpha map"):
        cutout.function(source(scene(), CAMVID, file_name="x.png"))


@pytest.mark.parametrize("form", [f for f in export.FORMATS if f.key not in ("npz", "cutout")], ids=lambda f: f.key)
def test_labels_of_another_palette_are_refused(form):
    bad = np.full((8, 8), 30, np.uint8)
    writers = {
        "png": lambda: export.indexed_png(bad, VOC),
        "overlay": lambda: export.overlay_jpeg(np.zeros((8, 8, 3), np.uint8), bad, VOC),
        "coco": lambda: export.coco_json(bad, VOC, "x"),
        "labelme": lambda: export.labelme_json(bad, VOC, "x"),
        "via": lambda: export.via_json(bad, VOC, "x"),
        "areas": lambda: export.areas_csv(bad, VOC),
    }
    with pytest.raises(ValueError, match="hold the value 30"):
        writers[form.key]()


@pytest.mark.parametrize("form", export.FORMATS, ids=lambda form: form.key)
def test_full_hd_takes_less_than_a_second(form):
    labels = np.asarray(Pil.fromarray(scene()).resize((1920, 1080), Pil.Resampling.NEAREST))
    alpha = np.tile(np.clip(np.linspace(-3, 4, 1920, dtype=np.float32), 0, 1), (1080, 1))
    given = source(labels, CAMVID, file_name="x.jpg", alpha=alpha)
    start = process_time()  # of this process alone: other work on the machine doesn't count
    form.function(given)
    assert process_time() - start < 1
