"""Turns the models of Tests/GLBTests, their pictures, and the hostile files into seeds:  glb-seeds.py FOLDER"""

import json
import pathlib
import struct
import sys

tests = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(tests / "blackbox"))

from glb_hostile import HOSTILE  # noqa: E402

target = pathlib.Path(sys.argv[1])
models = tests / "GLBTests" / "models"
MOST_BYTES = 30_000
for path in sorted(models.glob("*.glb")):
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    text, binary = data[20 : 20 + size], data[28 + size :]
    if len(data) < MOST_BYTES:
        (target / f"whole-{path.stem}").write_bytes(b"G" + data)
        (target / f"parts-{path.stem}").write_bytes(b"J" + text.rstrip(b" ") + b"\0" + binary)
    document = json.loads(text)
    for number, image in enumerate(document.get("images", [])):
        view = document["bufferViews"][image["bufferView"]]
        start = view.get("byteOffset", 0)
        (target / f"picture-{path.stem}-{number}").write_bytes(b"P" + binary[start : start + view["byteLength"]])

for name, (write, *_) in HOSTILE.items():
    path = target / f"hostile-{name}"
    write(path)
    if path.stat().st_size < MOST_BYTES:
        path.write_bytes(b"G" + path.read_bytes())
    else:
        path.unlink()
