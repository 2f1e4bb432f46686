"""A strict reader of GLB files, written from the glTF 2.0 specification alone and sharing nothing with the gateway.

    python Tests/blackbox/glb_validator.py FILE...

The readers on PyPI let a chunk beyond the file, a second BIN chunk, a missing version or unaligned numbers pass; this
one does not. `validate` returns the scene's counts or raises `Invalid` with every mistake that was found.
"""

import json
import math
import struct
import sys

import numpy as np

KINDS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
SHAPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
KNOWN = {"EXT_texture_webp", "KHR_mesh_quantization", "KHR_texture_transform", "KHR_materials_unlit"}
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}


class Invalid(Exception):
    pass


class Validator:
    def __init__(self, data):
        self.faults = []
        self.data = data

    def expect(self, condition, text):
        if not condition:
            self.faults.append(text)
        return condition

    def demand(self, condition, text):
        if not condition:
            raise Invalid("; ".join(self.faults + [text]))

    def run(self):
        self.read_container()
        self.check_document()
        self.check_views()
        self.values = [self.check_accessor(i, a) for i, a in enumerate(self.all("accessors"))]
        self.check_images()
        self.check_materials()
        counts = self.check_meshes()
        self.check_nodes()
        if self.faults:
            raise Invalid("; ".join(self.faults))
        return counts

    # 4.4: the container

    def read_container(self):
        data = self.data
        self.demand(len(data) >= 20, "shorter than header and chunk header")
        magic, version, length = struct.unpack_from("<4sII", data)
        self.demand(magic == b"glTF", f"magic is {magic}")
        self.demand(version == 2, f"version is {version}")
        self.demand(length == len(data), f"length says {length}, file has {len(data)}")
        chunks, at = [], 12
        while at < length:
            self.demand(at + 8 <= length, f"chunk header beyond the end at {at}")
            size, kind = struct.unpack_from("<I4s", data, at)
            self.demand(size % 4 == 0, f"chunk at {at} has {size} bytes")
            self.demand(at + 8 + size <= length, f"chunk at {at} ends beyond the file")
            chunks.append((kind, data[at + 8 : at + 8 + size]))
            at += 8 + size
        self.demand(chunks and chunks[0][0] == b"JSON", "first chunk is not JSON")
        self.demand([k for k, _ in chunks[1:]] in ([], [b"BIN\0"]), f"chunks are {[k for k, _ in chunks]}")
        text = chunks[0][1]
        self.expect(not text.startswith(b"\xef\xbb\xbf"), "JSON begins with a byte order mark")
        self.expect(text.rstrip(b" ")[-1:] == b"}", "JSON is padded with something else than spaces")
        try:
            self.document = json.loads(text.decode("utf-8"), object_pairs_hook=self.unique)
        except ValueError as error:
            raise Invalid(f"JSON: {error}") from None
        self.binary = chunks[1][1] if len(chunks) > 1 else b""

    def unique(self, pairs):
        names = [name for name, _ in pairs]
        self.expect(len(set(names)) == len(names), f"doubled name in {names}")
        return dict(pairs)

    def all(self, name):
        items = self.document.get(name, [])
        self.expect(isinstance(items, list) and (items or name not in self.document), f"{name} is an empty array")
        return items

    def index(self, value, name, where):
        ok = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.all(name))
        self.demand(ok, f"{where} is {value}, of {len(self.all(name))} {name}")
        return value

    # 3.2, 3.3: what is said about the whole

    def check_document(self):
        document = self.document
        self.expect(document.get("asset", {}).get("version") == "2.0", "asset.version is not 2.0")
        known = {
            "asset", "scene", "scenes", "nodes", "meshes", "accessors", "bufferViews", "buffers", "materials",
            "textures", "images", "samplers", "extensionsUsed", "extensionsRequired", "extras",
        }
        self.expect(set(document) <= known, f"unknown members {set(document) - known}")
        used, required = self.all("extensionsUsed"), self.all("extensionsRequired")
        self.expect(len(set(used)) == len(used), "extensionsUsed has doubles")
        self.expect(set(required) <= set(used), "a required extension is not said to be used")
        self.expect(set(used) <= KNOWN, f"unknown extensions {set(used) - KNOWN}")
        found = set()
        self.find_extensions(document, found)
        self.expect(found <= set(used), f"extensions not declared: {found - set(used)}")
        self.used_extensions = found
        if "scene" in document:
            self.index(document["scene"], "scenes", "scene")

    def find_extensions(self, value, found):
        if isinstance(value, dict):
            found |= set(value.get("extensions", {}))
            for item in value.values():
                self.find_extensions(item, found)
        elif isinstance(value, list):
            for item in value:
                self.find_extensions(item, found)

    # 3.6.1: buffers and views

    def check_views(self):
        buffers = self.all("buffers")
        self.demand(len(buffers) <= 1 and all("uri" not in b for b in buffers), "only the binary chunk is a buffer here")
        size = buffers[0]["byteLength"] if buffers else 0
        self.demand(size <= len(self.binary) <= size + 3, f"buffer has {size} bytes, chunk {len(self.binary)}")
        self.expect(not any(self.binary[size:]), "binary chunk is not padded with zeros")
        for i, view in enumerate(self.all("bufferViews")):
            self.index(view.get("buffer"), "buffers", f"bufferViews[{i}].buffer")
            start, length = view.get("byteOffset", 0), view["byteLength"]
            self.demand(start >= 0 and length > 0 and start + length <= size, f"bufferViews[{i}] is out of bounds")
            stride = view.get("byteStride")
            if stride is not None:
                self.expect(4 <= stride <= 252 and stride % 4 == 0, f"bufferViews[{i}].byteStride is {stride}")
                self.expect(view.get("target") == 34962, f"bufferViews[{i}] has a stride and is not for vertices")
            self.expect(view.get("target", 34962) in (34962, 34963), f"bufferViews[{i}].target")

    # 3.6.2: accessors

    def numbers(self, view, offset, kind, width, count, where, strided=True):
        view = self.document["bufferViews"][self.index(view, "bufferViews", where)]
        dtype = np.dtype(KINDS[kind])
        size = dtype.itemsize * width
        stride = view.get("byteStride", size) if strided else size
        start = view.get("byteOffset", 0) + offset
        self.demand(stride >= size, f"{where}: stride {stride} below {size}")
        self.demand(offset + (count - 1) * stride + size <= view["byteLength"], f"{where} is out of bounds")
        self.expect(start % dtype.itemsize == 0 and offset % dtype.itemsize == 0, f"{where} is not aligned")
        raw = np.ndarray((count, width), dtype, self.binary, start, (stride, dtype.itemsize))
        return raw.copy()

    def check_accessor(self, i, accessor):
        where = f"accessors[{i}]"
        kind, count = accessor["componentType"], accessor["count"]
        self.demand(kind in KINDS and accessor["type"] in SHAPES, f"{where} has an unknown type")
        self.demand(isinstance(count, int) and count >= 1, f"{where}.count is {count}")
        width = SHAPES[accessor["type"]]
        self.expect(not accessor["type"].startswith("MAT"), f"{where}: no matrices are expected here")
        self.expect(not (accessor.get("normalized") and kind in (5125, 5126)), f"{where} may not be normalized")
        if "bufferView" in accessor:
            values = self.numbers(accessor["bufferView"], accessor.get("byteOffset", 0), kind, width, count, where)
        else:
            values = np.zeros((count, width), KINDS[kind])
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            n, indices = sparse["count"], sparse["indices"]
            self.demand(1 <= n <= count and indices["componentType"] in (5121, 5123, 5125), f"{where}.sparse")
            places = self.numbers(
                indices["bufferView"], indices.get("byteOffset", 0), indices["componentType"], 1, n, where, False
            ).reshape(-1)
            self.demand(np.all(np.diff(places.astype("i8")) > 0) and places[-1] < count, f"{where}.sparse.indices")
            replaced = sparse["values"]
            values[places] = self.numbers(
                replaced["bufferView"], replaced.get("byteOffset", 0), kind, width, n, where, False
            )
        self.expect(np.all(np.isfinite(values.astype("f8"))), f"{where} has values that are not finite")
        for name, real in (("min", values.min(0)), ("max", values.max(0))):
            if name in accessor:
                said = np.array(accessor[name], "f8")
                self.expect(
                    said.shape == real.shape and np.array_equal(said.astype(KINDS[kind]), real),
                    f"{where}.{name} says {said}, is {real}",
                )
        return values

    # 3.7, 3.8: meshes and looks

    def check_meshes(self):
        vertices, faces, drawn = 0, 0, set()
        counts = {"meshes": len(self.all("meshes")), "normals": 0, "coordinates": 0, "primitives": 0}
        for m, mesh in enumerate(self.all("meshes")):
            self.demand(mesh.get("primitives"), f"meshes[{m}] has no primitives")
            for p, primitive in enumerate(mesh["primitives"]):
                where = f"meshes[{m}].primitives[{p}]"
                counts["primitives"] += 1
                count = self.check_attributes(primitive, where, counts)
                position = primitive["attributes"]["POSITION"]
                if position not in drawn:
                    vertices += count
                    drawn.add(position)
                faces += self.check_indices(primitive, count, where)
                if "material" in primitive:
                    self.index(primitive["material"], "materials", where + ".material")
        return counts | {"vertices": vertices, "faces": faces}

    def check_attributes(self, primitive, where, counts):
        attributes = primitive["attributes"]
        self.demand("POSITION" in attributes, f"{where} has no positions")
        for name, index in attributes.items():
            accessor = self.document["accessors"][self.index(index, "accessors", f"{where}.{name}")]
            values = self.values[index]
            view = self.document["bufferViews"][accessor["bufferView"]] if "bufferView" in accessor else {}
            start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
            stride = view.get("byteStride", np.dtype(KINDS[accessor["componentType"]]).itemsize * values.shape[1])
            self.expect(start % 4 == 0 and stride % 4 == 0, f"{where}.{name} is not aligned to 4")
            self.expect(view.get("target", 34962) == 34962, f"{where}.{name} lies in a view for indices")
            plain = accessor["componentType"] == 5126
            if name in ("POSITION", "NORMAL") and not plain:
                self.expect("KHR_mesh_quantization" in self.document.get("extensionsRequired", []), f"{where}.{name}")
            if name == "POSITION":
                self.expect(accessor["type"] == "VEC3" and "min" in accessor and "max" in accessor, f"{where}: bounds")
            elif name == "NORMAL":
                counts["normals"] += 1
                scale = 1 if plain else np.iinfo(values.dtype).max
                length = np.linalg.norm(values.astype("f8") / scale, axis=1)
                self.expect(np.all(np.abs(length - 1) < (1e-3 if plain else 0.05)), f"{where}: normals not of length 1")
            elif name.startswith("TEXCOORD_"):
                counts["coordinates"] += 1
                self.expect(accessor["type"] == "VEC2", f"{where}.{name}")
        sizes = {len(self.values[index]) for index in attributes.values()}
        self.demand(len(sizes) == 1, f"{where}: attributes have counts {sizes}")
        return sizes.pop()

    def check_indices(self, primitive, count, where):
        mode = primitive.get("mode", 4)
        self.demand(mode in range(7), f"{where}.mode is {mode}")
        if "indices" in primitive:
            index = self.index(primitive["indices"], "accessors", f"{where}.indices")
            accessor, values = self.document["accessors"][index], self.values[index]
            view = self.document["bufferViews"][accessor["bufferView"]]
            self.expect(accessor["type"] == "SCALAR" and accessor["componentType"] in (5121, 5123, 5125), where)
            self.expect(view.get("target", 34963) == 34963 and "byteStride" not in view, f"{where}: view of indices")
            self.demand(int(values.max()) < count, f"{where} has index {values.max()} of {count}")
            restart = np.iinfo(values.dtype).max
            self.expect(int(values.max()) != restart, f"{where} uses the restart value {restart}")
            count = len(values)
        self.expect(mode != 4 or count % 3 == 0, f"{where}: {count} corners are not whole triangles")
        return {4: count // 3, 5: max(0, count - 2), 6: max(0, count - 2)}.get(mode, 0)

    def check_materials(self):
        for t, texture in enumerate(self.all("textures")):
            webp = texture.get("extensions", {}).get("EXT_texture_webp", {}).get("source")
            source = webp if webp is not None else texture.get("source")
            self.demand(source is not None, f"textures[{t}] has no source")
            image = self.document["images"][self.index(source, "images", f"textures[{t}]")]
            self.expect((image["mimeType"] == "image/webp") == (webp is not None), f"textures[{t}]: WebP by its extension")
            if "sampler" in texture:
                self.index(texture["sampler"], "samplers", f"textures[{t}].sampler")
        for m, material in enumerate(self.all("materials")):
            roughness = material.get("pbrMetallicRoughness", {})
            self.expect(material.get("alphaMode", "OPAQUE") in ("OPAQUE", "MASK", "BLEND"), f"materials[{m}].alphaMode")
            for value in [*roughness.get("baseColorFactor", []), roughness.get("metallicFactor", 0)]:
                self.expect(0 <= value <= 1, f"materials[{m}] has a factor of {value}")
            for name in ("baseColorTexture", "metallicRoughnessTexture"):
                if name in roughness:
                    self.index(roughness[name]["index"], "textures", f"materials[{m}].{name}")

    def check_images(self):
        for i, image in enumerate(self.all("images")):
            self.demand("uri" not in image and image.get("mimeType") in MAGIC, f"images[{i}]")
            view = self.document["bufferViews"][self.index(image["bufferView"], "bufferViews", f"images[{i}]")]
            self.expect("byteStride" not in view and "target" not in view, f"images[{i}]: its view has stride or target")
            start = view.get("byteOffset", 0)
            data = self.binary[start : start + view["byteLength"]]
            self.expect(data.startswith(MAGIC[image["mimeType"]]), f"images[{i}] is not {image['mimeType']}")

    # 3.5: nodes

    def check_nodes(self):
        nodes = self.all("nodes")
        parents = {}
        for n, node in enumerate(nodes):
            for child in node.get("children", []):
                self.index(child, "nodes", f"nodes[{n}].children")
                self.expect(child not in parents, f"nodes[{child}] has two parents")
                parents[child] = n
            if "mesh" in node:
                self.index(node["mesh"], "meshes", f"nodes[{n}].mesh")
            self.expect(not ("matrix" in node and {"translation", "rotation", "scale"} & set(node)), f"nodes[{n}]")
            if "rotation" in node:
                self.expect(abs(math.hypot(*node["rotation"]) - 1) < 1e-4, f"nodes[{n}].rotation is not of length 1")
        for n in range(len(nodes)):
            seen, at = set(), n
            while at in parents:
                self.demand(at not in seen, f"nodes[{n}] is in a cycle")
                seen.add(at)
                at = parents[at]
        for s, scene in enumerate(self.all("scenes")):
            for root in scene.get("nodes", []):
                self.index(root, "nodes", f"scenes[{s}]")
                self.expect(root not in parents, f"scenes[{s}] has nodes[{root}], which is no root")


def validate(data):
    validator = Validator(data)
    try:
        return validator.run()
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise Invalid("; ".join(validator.faults + [f"{type(error).__name__}: {error}"])) from error


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            print(path, validate(file.read()))
