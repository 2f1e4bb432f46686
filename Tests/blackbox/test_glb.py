"""The GLB room, judged from outside: by trimesh, by a validator that shares nothing with it, and by what it costs."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import trimesh

import glb_models
import glb_validator
from glb_hostile import HOSTILE

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = pathlib.Path(os.environ.get("GLB_PROBE", ROOT / ".build/debug/GLBProbe"))
KEPT = ROOT / "Tests/GLBTests/models"

# What any file may cost. The largest part is one texture of 8192 × 8192 pixels while it is decoded.
MOST_BYTES = 600 << 20
MOST_SECONDS = 20
# Runs a program and adds a line of what became of it and what it cost. It stands between because a process is charged
# with the memory of the one that starts it (getrusage(2), ru_maxrss, is kept over execve), and this one's is large.
MEASURED = """
import json, os, sys
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print()
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss << 10]))
"""


def probe(*words):
    """Runs the room's command line and returns its answer; it may neither crash nor cost much."""
    assert PROBE.exists(), "swift build --product GLBProbe makes it"
    command = [sys.executable, "-ISc", MEASURED, PROBE, *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS * 6)
    assert run.returncode == 0, run.stderr
    out, _, cost = run.stdout.rstrip().rpartition("\n")
    status, seconds, taken = json.loads(cost)
    assert status in (0, 1), f"exit {status}: {run.stderr[-500:]}"
    answer = json.loads(out)
    assert (status == 1) == ("fault" in answer)
    assert seconds < MOST_SECONDS
    assert taken < MOST_BYTES, f"{taken >> 20} MB"
    return answer


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    return {path.stem: path for path in glb_models.write_all(tmp_path_factory.mktemp("models"), large=True)}


def scene(path):
    return trimesh.load_scene(path, process=False)


def counts(path):
    parts = scene(path).geometry.values()
    faced = [part for part in parts if hasattr(part, "faces")]
    return sum(len(part.vertices) for part in faced), sum(len(part.faces) for part in faced)


def corners(path):
    """The place of every corner of every primitive, as the validator reads them."""
    reader = glb_validator.Validator(path.read_bytes())
    reader.run()
    for mesh in reader.document["meshes"]:
        for primitive in mesh["primitives"]:
            points = reader.values[primitive["attributes"]["POSITION"]]
            yield points[reader.values[primitive["indices"]].ravel()] if "indices" in primitive else points


ALL = [*glb_models.MODELS, *glb_models.LARGE_MODELS]


@pytest.mark.parametrize("name", ALL)
def test_a_model_is_sound_before_we_touch_it(models, name):
    counted = glb_validator.validate(models[name].read_bytes())
    answer = probe("check", models[name])
    assert (answer["vertices"], answer["faces"]) == (counted["vertices"], counted["faces"])
    assert answer["remarks"] == []


@pytest.mark.parametrize("name", ALL)
def test_stripping_keeps_the_geometry(models, tmp_path, name):
    source, stripped = models[name], tmp_path / "stripped.glb"
    answer = probe("strip", source, stripped)
    before = glb_validator.validate(source.read_bytes())
    after = glb_validator.validate(stripped.read_bytes())
    assert (after["vertices"], after["faces"]) == (before["vertices"], before["faces"]) == (
        answer["vertices"], answer["faces"],
    )
    assert after["coordinates"] == 0
    for one, other in zip(corners(source), corners(stripped), strict=True):
        np.testing.assert_array_equal(one, other)
    assert counts(stripped) == counts(source)
    if name == "sparse":
        return  # trimesh does not read sparse values, so that here only the validator can compare places

    left, right = scene(source), scene(stripped)
    np.testing.assert_allclose(left.bounds, right.bounds, rtol=0, atol=1e-6)
    assert len(left.graph.nodes_geometry) == len(right.graph.nodes_geometry)
    for one, other in zip(left.geometry.values(), right.geometry.values(), strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
        if hasattr(one, "faces"):
            np.testing.assert_array_equal(one.faces, other.faces)


@pytest.mark.parametrize("name", ["textured-png", "textured-jpeg", "textured-webp", "moved-texture", "interleaved"])
def test_a_textured_model_becomes_smaller(models, tmp_path, name):
    stripped = tmp_path / "stripped.glb"
    probe("strip", models[name], stripped)
    assert stripped.stat().st_size < models[name].stat().st_size
    document = glb_validator.Validator(stripped.read_bytes())
    document.run()
    gone = {"materials", "textures", "images", "samplers", "animations", "cameras", "skins", "extensionsUsed"}
    assert gone.isdisjoint(document.document)


@pytest.mark.parametrize("name", ["no-normals", "large-indices", "sparse", "strips-and-fans"])
def test_computed_normals_point_outwards_and_agree_across_seams(models, tmp_path, name):
    stripped = tmp_path / "stripped.glb"
    probe("strip", models[name], stripped)
    for part in scene(stripped).geometry.values():
        if not hasattr(part, "faces"):
            continue
        assert "vertex_normals" in part._cache.cache
        used = np.unique(part.faces)
        given = part.vertex_normals[used]
        facing = np.einsum("ij,ij->i", part.face_normals, part.vertex_normals[part.faces[:, 0]])
        assert np.mean(facing > 0) > 0.99
        _, places = np.unique(np.round(part.vertices[used], 7), axis=0, return_inverse=True)
        sums = np.zeros((places.max() + 1, 3))
        np.add.at(sums, places.ravel(), given)
        assert np.linalg.norm(sums, axis=1) == pytest.approx(np.bincount(places.ravel()), rel=1e-4)


@pytest.mark.parametrize("texture", ["none", "png", "jpeg", "webp"])
def test_the_sample_is_sound_and_survives_stripping(tmp_path, texture):
    sample, stripped = tmp_path / "sample.glb", tmp_path / "stripped.glb"
    probe("sample", sample, 20000, texture, 256, 5)
    assert glb_validator.validate(sample.read_bytes())["faces"] == 20000
    probe("strip", sample, stripped)
    assert counts(stripped) == counts(sample)
    glb_validator.validate(stripped.read_bytes())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("plain", [False, True])
def test_the_sandbox_card_is_sound(tmp_path, form, plain):
    picture, card = tmp_path / "picture", tmp_path / "card.glb"
    picture.write_bytes(glb_models.encoded(glb_models.checker(120), form))
    probe("card", picture, card, 7, *(["plain"] if plain else []))
    counted = glb_validator.validate(card.read_bytes())
    assert counted["coordinates"] == (0 if plain else 1)
    parts = scene(card).geometry.values()
    assert sum(len(part.faces) for part in parts) == counted["faces"]
    textured = [part for part in parts if part.visual.kind == "texture" and part.visual.material.baseColorTexture]
    assert len(textured) == (0 if plain else 1)
    if not plain:
        assert textured[0].visual.material.baseColorTexture.size == (120, 120)
        # Right side up: the mark stands at the top left of the picture, and of the card.
        corner = textured[0].visual.uv[np.argmin(textured[0].vertices @ [1, -1, 0])]
        np.testing.assert_allclose(corner, [0, 1], atol=1e-6)


def test_the_kept_models_are_what_the_script_writes(models):
    for name in glb_models.MODELS:
        kept, fresh = scene(KEPT / f"{name}.glb"), scene(models[name])
        for one, other in zip(kept.geometry.values(), fresh.geometry.values(), strict=True):
            np.testing.assert_allclose(one.vertices, other.vertices, atol=1e-6)


@pytest.mark.parametrize("door", ["check", "strip", "thumbnail"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_its_fault_and_costs_little(tmp_path, name, door):
    write, *expected = HOSTILE[name]
    path, out = tmp_path / "hostile.glb", tmp_path / "out"
    write(path)
    answer = probe(door, path, *([] if door == "check" else [out]))
    wanted = expected[["check", "strip", "thumbnail"].index(door)]
    assert answer.get("fault") == wanted, answer
    if wanted:
        assert len(answer["message"]) < 400
        assert not out.exists()
