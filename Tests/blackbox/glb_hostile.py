"""Files that mean harm, each with the fault that must answer it.

Every entry of HOSTILE makes a file at a path and names the code that checking it must end in; where checking may pass,
the codes of stripping and drawing follow. None means that it may succeed: what counts is then the memory it took.
"""

import json
import struct
import zlib

TRIANGLE = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0) + struct.pack("<3H", 0, 1, 2)


def document(**changes):
    base = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 6}],
        "buffers": [{"byteLength": 42}],
    }
    return base | changes


def glb(text, binary=TRIANGLE, length=None, json_length=None):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    body = struct.pack("<I4s", len(text) if json_length is None else json_length, b"JSON") + text
    if binary:
        body += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body) if length is None else length) + body


def written(data):
    return lambda path: path.write_bytes(data)


def png_bomb(side):
    """A picture of one bit a pixel: a few kilobytes that are side × side × 4 bytes when decoded."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    row = b"\0" * (1 + (side + 7) // 8)
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_texture(picture, kind="image/png"):
    coordinates = struct.pack("<6f", 0, 0, 1, 0, 0, 1)
    binary = TRIANGLE + b"\0\0" + coordinates + picture
    base = document()
    base["bufferViews"] += [
        {"buffer": 0, "byteOffset": 44, "byteLength": 24},
        {"buffer": 0, "byteOffset": 68, "byteLength": len(picture)},
    ]
    base["accessors"].append({"bufferView": 2, "componentType": 5126, "count": 3, "type": "VEC2"})
    base["meshes"][0]["primitives"][0] |= {"attributes": {"POSITION": 0, "TEXCOORD_0": 2}, "material": 0}
    base["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    base["textures"] = [{"source": 0}]
    base["images"] = [{"bufferView": 3, "mimeType": kind}]
    base["buffers"] = [{"byteLength": len(binary)}]
    return glb(base, binary)


def zeros(count):
    """A document of a kilobyte whose positions are `count` zeros that stand nowhere."""
    base = document()
    base["accessors"][0] = {"componentType": 5126, "count": count, "type": "VEC3"}
    return glb(base)


def five_gigabytes(path):
    """A file that really is of five gigabytes, of which the disk holds one block."""
    with open(path, "wb") as file:
        file.write(glb(document(), length=0xFFFFFFFF))
        file.truncate(5 << 30)


def scanned_again_and_again(times):
    base = document()
    base["accessors"][0] = {"componentType": 5126, "count": 1_000_000, "type": "VEC3"}
    base["accessors"] = base["accessors"][:2] + [dict(base["accessors"][0]) for _ in range(times)]
    base["meshes"] = [{"primitives": [{"attributes": {"POSITION": 2 + i}, "indices": 1} for i in range(times)]}]
    return glb(base)


def nested_faces(count):
    """Triangles that each cover the whole picture, one behind the other."""
    positions = b"".join(
        struct.pack("<9f", -9, -9, z, 9, -9, z, 0, 9, z) for z in (i / count - 1 for i in range(count))
    )
    base = document()
    base["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}}]}]
    base["accessors"] = [{"bufferView": 0, "componentType": 5126, "count": 3 * count, "type": "VEC3"}]
    base["bufferViews"] = [{"buffer": 0, "byteLength": len(positions)}]
    base["buffers"] = [{"byteLength": len(positions)}]
    return glb(base, positions)


TINY_PNG = png_bomb(8)
SOUND = glb(document())

# name: (how to make it, what check says, what strip says, what thumbnail says)
HOSTILE = {
    "empty": (written(b""), "not_glb", "not_glb", "not_glb"),
    "half-header": (written(SOUND[:7]), "truncated", "truncated", "truncated"),
    "half-file": (written(SOUND[: len(SOUND) // 2]), "truncated", "truncated", "truncated"),
    "one-byte-short": (written(SOUND[:-1]), "truncated", "truncated", "truncated"),
    "one-byte-more": (written(SOUND + b"\0"), "trailing_bytes", "trailing_bytes", "trailing_bytes"),
    "html": (written(b"<html>502 Bad Gateway</html>"), "not_glb", "not_glb", "not_glb"),
    "claims-4-gb": (written(glb(document(), length=0xFFFFFFFF)), "truncated", "truncated", "truncated"),
    "claims-4-gb-json": (written(glb(document(), json_length=0xFFFFFFFC)), "truncated", "truncated", "truncated"),
    "is-5-gb": (five_gigabytes, "too_large", "too_large", "too_large"),
    "buffer-of-5-gb": (
        written(glb(document(buffers=[{"byteLength": 5_000_000_000}]))), "out_of_bounds", "out_of_bounds", "out_of_bounds",
    ),
    "not-json": (written(glb(b"{" * 4000)), "bad_json", "bad_json", "bad_json"),
    "deep-json": (written(glb(b"[" * 2_000_000)), "bad_json", "bad_json", "bad_json"),
    "many-values": (written(glb(b'{"a":[' + b"0," * 4_000_000 + b"0]}")), "bad_json", "bad_json", "bad_json"),
    "json-of-20-mb": (written(glb(b" " * 20_000_000 + b"{}")), "too_large", "too_large", "too_large"),
    "cycle": (
        written(glb(document(nodes=[{"mesh": 0}, {"children": [2]}, {"children": [1]}]))),
        "not_a_tree", "not_a_tree", "not_a_tree",
    ),
    "long-chain": (
        written(glb(document(nodes=[{"children": [i + 1]} for i in range(99_999)] + [{"mesh": 0}]))), None, None, None,
    ),
    "roots-again-and-again": (
        written(glb(document(scenes=[{"nodes": [0] * 400_000}]))), "not_a_tree", "not_a_tree", "not_a_tree",
    ),
    "nan": (
        written(glb(document(), struct.pack("<9f", 0, 0, 0, 1, float("nan"), 0, 0, 1, 0) + TRIANGLE[36:])),
        "not_finite", "not_finite", "not_finite",
    ),
    "index-beyond": (
        written(glb(document(), TRIANGLE[:36] + struct.pack("<3H", 0, 1, 65535))),
        "out_of_bounds", "out_of_bounds", "out_of_bounds",
    ),
    "a-trillion-vertices": (written(zeros(10**12)), "too_large", "too_large", "too_large"),
    "fifty-million-zeros": (written(zeros(50_000_000)), None, "too_large", "not_finite"),
    "scanned-again-and-again": (written(scanned_again_and_again(60)), "too_large", "too_large", "too_large"),
    "png-of-34-gb": (written(with_texture(png_bomb(92_000))), None, None, "too_large"),
    "png-of-256-mb": (written(with_texture(png_bomb(8_192))), None, None, None),
    "png-cut": (written(with_texture(TINY_PNG[:40])), None, None, "bad_texture"),
    "texture-is-html": (written(with_texture(b"<html>no picture</html>")), None, None, "bad_texture"),
    "faces-behind-faces": (written(nested_faces(60_000)), None, None, "too_large"),
    "extensions-by-the-thousand": (
        written(glb(document(extensionsUsed=[f"X_{i}" for i in range(50_000)]))),
        "bad_document", "bad_document", "bad_document",
    ),
}
