"""Turns the models of Tests/GLBTests and their pictures into seeds:  glb-seeds.py FOLDER"""

import json
import pathlib
import struct
import sys

target = pathlib.Path(sys.argv[1])
models = pathlib.Path(__file__).parent.parent / "GLBTests" / "models"
for path in sorted(models.glob("*.glb")):
    data = path.read_bytes()
    (size,) = struct.unpack_from("<I", data, 12)
    text, binary = data[20 : 20 + size], data[28 + size :]
    if len(data) < 30_000:
        (target / f"whole-{path.stem}").write_bytes(b"G" + data)
        (target / f"parts-{path.stem}").write_bytes(b"J" + text.rstrip(b" ") + b"\0" + binary)
    document = json.loads(text)
    for number, image in enumerate(document.get("images", [])):
        view = document["bufferViews"][image["bufferView"]]
        start = view.get("byteOffset", 0)
        (target / f"picture-{path.stem}-{number}").write_bytes(b"P" + binary[start : start + view["byteLength"]])
