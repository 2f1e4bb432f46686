"""Writes the models that the GLB room is tested on, by tools that are not ours: trimesh, pygltflib and Pillow.

    python Tests/blackbox/glb_models.py Tests/GLBTests/models

The files are kept in the repository, so that the Swift tests need no Python; `test_glb.py` writes them anew.
"""

import io
import pathlib
import sys

import numpy as np
import pygltflib as gltf
import trimesh
from PIL import Image, ImageDraw

FLOAT, BYTE, UBYTE, SHORT, USHORT, UINT = 5126, 5120, 5121, 5122, 5123, 5125
KINDS = {FLOAT: "<f4", BYTE: "<i1", UBYTE: "<u1", SHORT: "<i2", USHORT: "<u2", UINT: "<u4"}
SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class Writer:
    """A GLB put together value by value with pygltflib."""

    def __init__(self):
        self.document = gltf.GLTF2()
        self.document.asset = gltf.Asset(version="2.0", generator="pygltflib")
        self.binary = bytearray()

    def view(self, data, target=None, stride=None):
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = gltf.BufferView(buffer=0, byteOffset=len(self.binary), byteLength=len(data), target=target)
        if stride:
            view.byteStride = stride
        self.document.bufferViews.append(view)
        self.binary += data
        return len(self.document.bufferViews) - 1

    def accessor(self, values, kind, target=34962, normalized=False, bounds=False, view=None, offset=0):
        values = np.asarray(values).astype(KINDS[kind])
        values = values.reshape(len(values), -1)
        if view is None:
            data, stride = values.tobytes(), None
            if target == 34962 and len(data) // len(values) % 4:
                stride = (values.itemsize * values.shape[1] + 3) // 4 * 4
                padded = np.zeros((len(values), stride), "<u1")
                padded[:, : values.itemsize * values.shape[1]] = values.view("<u1").reshape(len(values), -1)
                data = padded.tobytes()
            view = self.view(data, target, stride)
        accessor = gltf.Accessor(
            bufferView=view, byteOffset=offset, componentType=kind, count=len(values),
            type=SHAPES[values.shape[1]], normalized=normalized,
        )
        if bounds:
            accessor.min = [float(x) if kind == FLOAT else int(x) for x in values.min(0)]
            accessor.max = [float(x) if kind == FLOAT else int(x) for x in values.max(0)]
        self.document.accessors.append(accessor)
        return len(self.document.accessors) - 1

    def points(self, values):
        return self.accessor(values, FLOAT, bounds=True)

    def picture(self, image, form):
        data = encoded(image, form)
        self.document.images.append(
            gltf.Image(bufferView=self.view(data), mimeType=f"image/{form.lower()}")
        )
        return len(self.document.images) - 1

    def material(self, image=None, factor=None, sampler=None, extension=None, **more):
        roughness = gltf.PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=0.8)
        if factor:
            roughness.baseColorFactor = list(factor)
        if image is not None:
            texture = gltf.Texture(source=image)
            if sampler:
                self.document.samplers.append(gltf.Sampler(**sampler))
                texture.sampler = len(self.document.samplers) - 1
            self.document.textures.append(texture)
            roughness.baseColorTexture = gltf.TextureInfo(index=len(self.document.textures) - 1)
            if extension:
                roughness.baseColorTexture.extensions = extension
        self.document.materials.append(gltf.Material(pbrMetallicRoughness=roughness, **more))
        return len(self.document.materials) - 1

    def mesh(self, *primitives):
        self.document.meshes.append(gltf.Mesh(primitives=list(primitives)))
        return len(self.document.meshes) - 1

    def node(self, **fields):
        self.document.nodes.append(gltf.Node(**fields))
        return len(self.document.nodes) - 1

    def save(self, path, roots):
        self.document.scenes = [gltf.Scene(nodes=roots)]
        self.document.scene = 0
        self.document.buffers = [gltf.Buffer(byteLength=len(self.binary))]
        self.document.set_binary_blob(bytes(self.binary) + b"\0" * (-len(self.binary) % 4))
        self.document.save_binary(str(path))


def primitive(position, indices=None, material=None, mode=4, **attributes):
    return gltf.Primitive(
        attributes=gltf.Attributes(POSITION=position, **attributes), indices=indices, material=material, mode=mode
    )


def encoded(image, form):
    out = io.BytesIO()
    image.save(out, form, **({"quality": 85} if form != "PNG" else {}))
    return out.getvalue()


def checker(side=128, a=(214, 96, 62), b=(250, 232, 200), cells=8, label=None):
    """A chequered picture with a mark in one corner, so that a turned or mirrored texture is seen."""
    image = Image.new("RGB", (side, side), b)
    draw = ImageDraw.Draw(image)
    step = side // cells
    for y in range(cells):
        for x in range(cells):
            if (x + y) % 2:
                draw.rectangle([x * step, y * step, (x + 1) * step - 1, (y + 1) * step - 1], fill=a)
    draw.ellipse([step // 2, step // 2, step * 5 // 2, step * 5 // 2], fill=(36, 74, 112))
    if label:
        draw.text((side // 2 - 12, side // 2 - 6), label, fill=(0, 0, 0))
    return image


def globe(rows=24, columns=48, radius=0.5):
    """A sphere with texture coordinates: points, normals, coordinates, faces."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    theta, phi = v * np.pi, u * 2 * np.pi
    normals = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1).reshape(-1, 3)
    corner = np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)[None]
    corner = corner.reshape(-1)
    faces = np.concatenate(
        [
            np.stack([corner, corner + columns + 1, corner + 1], -1),
            np.stack([corner + 1, corner + columns + 1, corner + columns + 2], -1),
        ]
    )
    points = normals * radius
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    faces = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-9]
    return points, normals, np.stack([u, v], -1).reshape(-1, 2), faces


def box(size=(1, 1, 1), centre=(0, 0, 0)):
    """A box with hard edges: points, normals, coordinates, faces."""
    points, normals, coordinates, faces = [], [], [], []
    for axis in range(3):
        for side in (-1.0, 1.0):
            n, u = np.zeros(3), np.zeros(3)
            n[axis] = side
            u[(axis + 1) % 3] = 1
            w = np.cross(n, u)
            first = len(points)
            for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                points.append((n + s * u + t * w) / 2 * size + centre)
                normals.append(n)
                coordinates.append(((s + 1) / 2, (1 - t) / 2))
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return np.array(points), np.array(normals), np.array(coordinates), np.array(faces)


# --- written by trimesh -------------------------------------------------------------------------------------------


def by_trimesh_textured(path, form):
    points, normals, coordinates, faces = globe()
    points = points * (1 + 0.12 * np.sin(points[:, 1:2] * 18))
    image = Image.open(io.BytesIO(encoded(checker(label=form), form)))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=image, metallicFactor=0, roughnessFactor=0.7)
    visual = trimesh.visual.TextureVisuals(uv=coordinates * [1, -1] + [0, 1], material=material)
    mesh = trimesh.Trimesh(points, faces, vertex_normals=normals, visual=visual, process=False)
    path.write_bytes(
        trimesh.exchange.gltf.export_glb(
            trimesh.Scene(mesh), include_normals=True, extension_webp=form == "WEBP"
        )
    )


def by_trimesh_several(path):
    scene = trimesh.Scene()
    parts = [
        (trimesh.creation.box((0.9, 0.12, 0.9)), (0, 0.06, 0), (150, 112, 78)),
        (trimesh.creation.icosphere(3, 0.2), (-0.22, 0.32, 0.12), (196, 72, 60)),
        (trimesh.creation.cylinder(0.12, 0.5), (0.2, 0.37, -0.15), (70, 120, 150)),
        (trimesh.creation.annulus(0.1, 0.17, 0.14), (0.22, 0.19, 0.25), (214, 176, 84)),
    ]
    for number, (mesh, place, colour) in enumerate(parts):
        if number > 1:
            mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0)))
        material = trimesh.visual.material.PBRMaterial(
            baseColorFactor=(*colour, 255), metallicFactor=0, roughnessFactor=0.6
        )
        mesh.visual = trimesh.visual.TextureVisuals(material=material)
        if number != 1:
            mesh.unmerge_vertices()
        # Said here, for trimesh would want scipy to find them.
        ball = mesh.vertices / 0.2 if number == 1 else np.repeat(mesh.face_normals, 3, axis=0)
        mesh.vertex_normals = ball
        scene.add_geometry(
            mesh, node_name=f"part{number}", transform=trimesh.transformations.translation_matrix(place)
        )
    path.write_bytes(trimesh.exchange.gltf.export_glb(scene, include_normals=True))


def by_trimesh_colours(path):
    mesh = trimesh.creation.icosphere(4, 0.5)
    mesh.vertices *= 1 + 0.1 * np.sin(mesh.vertices[:, [0]] * 12) * np.cos(mesh.vertices[:, [2]] * 12)
    mesh.vertex_normals = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    shade = (mesh.vertices - mesh.vertices.min(0)) / np.ptp(mesh.vertices, axis=0)
    mesh.visual.vertex_colors = np.concatenate([shade * 200 + 40, np.full((len(shade), 1), 255)], 1).astype("u1")
    path.write_bytes(trimesh.exchange.gltf.export_glb(trimesh.Scene(mesh), include_normals=True))


# --- written by pygltflib -----------------------------------------------------------------------------------------


def sparse(path):
    """A sheet whose bump is in a sparse accessor, and one that is nothing but sparse values over zeros."""
    w = Writer()
    n = 24
    x, z = np.meshgrid(np.linspace(-0.5, 0.5, n), np.linspace(-0.5, 0.5, n))
    flat = np.stack([x, np.zeros_like(x), z], -1).reshape(-1, 3)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).reshape(-1)
    faces = np.concatenate(
        [np.stack([corner, corner + n, corner + 1], -1), np.stack([corner + 1, corner + n, corner + n + 1], -1)]
    )
    raised = flat.copy()
    distance = np.hypot(flat[:, 0], flat[:, 2])
    chosen = np.flatnonzero(distance < 0.35)
    raised[chosen, 1] = 0.3 * np.cos(distance[chosen] / 0.35 * np.pi / 2) ** 2

    def sparse_accessor(base, full, where):
        index = w.accessor(base, FLOAT, bounds=True) if base is not None else None
        if index is None:
            w.document.accessors.append(gltf.Accessor(componentType=FLOAT, count=len(full), type="VEC3"))
            index = len(w.document.accessors) - 1
        accessor = w.document.accessors[index]
        full = full.astype("<f4")
        accessor.min, accessor.max = [[float(v) for v in f(0)] for f in (full.min, full.max)]
        accessor.sparse = gltf.Sparse(
            count=len(where),
            indices=gltf.AccessorSparseIndices(
                bufferView=w.view(where.astype("<u2").tobytes()), componentType=USHORT
            ),
            values=gltf.AccessorSparseValues(bufferView=w.view(full[where].tobytes())),
        )
        return index

    indices = w.accessor(faces.reshape(-1), USHORT, target=34963)
    sheet = primitive(sparse_accessor(flat, raised, chosen), indices, w.material(factor=(0.35, 0.5, 0.3, 1)))
    points, _, _, box_faces = box((0.16, 0.16, 0.16), (0.3, 0.25, 0.3))
    cube = primitive(
        sparse_accessor(None, points, np.arange(len(points))),
        w.accessor(box_faces.reshape(-1), UBYTE, target=34963), w.material(factor=(0.8, 0.4, 0.2, 1)),
    )
    w.save(path, [w.node(mesh=w.mesh(sheet, cube))])


def transforms(path):
    """One box, shown at many places: nested, scaled, turned, mirrored, by TRS and by matrix."""
    w = Writer()
    points, normals, coordinates, faces = box((0.2, 0.2, 0.2))
    mesh = w.mesh(
        primitive(
            w.points(points), w.accessor(faces.reshape(-1), USHORT, target=34963),
            w.material(w.picture(checker(64, cells=4), "PNG")), NORMAL=w.accessor(normals, FLOAT),
            TEXCOORD_0=w.accessor(coordinates, FLOAT),
        )
    )
    step = w.node(mesh=mesh)
    for number in range(6):
        half = np.pi / 14
        step = w.node(
            mesh=mesh, children=[step], translation=[0.0, 0.21, 0.0], rotation=[0, float(np.sin(half)), 0, float(np.cos(half))],
            scale=[0.93, 0.93, 0.93],
        )
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag([-1, 1, 1]) @ trimesh.transformations.rotation_matrix(0.6, (0, 0, 1))[:3, :3]
    matrix[:3, 3] = (0.5, 0.1, 0.2)
    leaning = w.node(mesh=mesh, matrix=[float(v) for v in matrix.T.reshape(-1)])
    squeezed = w.node(mesh=mesh, translation=[-0.45, 0.0, 0.1], scale=[1.0, 2.5, 0.5])
    w.save(path, [w.node(children=[step, leaning, squeezed], translation=[0.0, 5.0, 0.0])])


def index_sizes(path):
    """Three globes whose indices take one, two and four bytes."""
    w = Writer()
    parts = []
    for place, (kind, rows, colour) in enumerate(
        [(UBYTE, 8, (0.7, 0.25, 0.2, 1)), (USHORT, 16, (0.3, 0.5, 0.25, 1)), (UINT, 24, (0.2, 0.35, 0.6, 1))]
    ):
        points, normals, _, faces = globe(rows, rows * 2, 0.3)
        parts.append(
            primitive(
                w.points(points + [(place - 1) * 0.65, 0, 0]), w.accessor(faces.reshape(-1), kind, target=34963),
                w.material(factor=colour), NORMAL=w.accessor(normals, FLOAT),
            )
        )
    w.save(path, [w.node(mesh=w.mesh(*parts))])


def large_indices(path):
    """More than 65 535 vertices, so that indices must be of 32 bits. No normals: they must be computed."""
    w = Writer()
    points, _, coordinates, faces = globe(260, 260)
    points *= 1 + 0.08 * np.sin(12 * coordinates[:, [0]] * 2 * np.pi) * np.sin(9 * coordinates[:, [1]] * np.pi)
    w.save(path, [w.node(mesh=w.mesh(primitive(w.points(points), w.accessor(faces.reshape(-1), UINT, target=34963))))])


def no_normals(path):
    """A textured globe without normals, whose seam must not show as a crease once they are computed."""
    w = Writer()
    points, _, coordinates, faces = globe()
    part = primitive(
        w.points(points), w.accessor(faces.reshape(-1), USHORT, target=34963),
        w.material(w.picture(checker(256, (70, 110, 90), (226, 214, 180)), "JPEG")),
        TEXCOORD_0=w.accessor(coordinates, FLOAT),
    )
    w.save(path, [w.node(mesh=w.mesh(part))])


def interleaved(path):
    """Positions, normals and coordinates taking turns in one view, as game engines write them."""
    w = Writer()
    points, normals, coordinates, faces = box((0.8, 0.5, 0.6))
    rows = np.concatenate([points, normals, coordinates], 1).astype("<f4")
    view = w.view(rows.tobytes(), 34962, stride=32)
    part = primitive(
        w.accessor(rows[:, :3], FLOAT, bounds=True, view=view),
        w.accessor(faces.reshape(-1), UBYTE, target=34963),
        w.material(w.picture(checker(128, (60, 60, 70), (230, 190, 90)), "PNG")),
        NORMAL=w.accessor(rows[:, 3:6], FLOAT, view=view, offset=12),
        TEXCOORD_0=w.accessor(rows[:, 6:], FLOAT, view=view, offset=24),
    )
    w.save(path, [w.node(mesh=w.mesh(part))])


def quantized(path):
    """Positions in 16-bit fractions, normals in bytes, coordinates in 16 bits (KHR_mesh_quantization)."""
    w = Writer()
    points, normals, coordinates, faces = globe(20, 40)
    part = primitive(
        w.accessor(np.round(points / 0.5 * 32767), SHORT, normalized=True, bounds=True),
        w.accessor(faces.reshape(-1), USHORT, target=34963),
        w.material(w.picture(checker(128, (120, 70, 130), (235, 220, 240)), "PNG")),
        NORMAL=w.accessor(np.round(normals * 127), BYTE, normalized=True),
        TEXCOORD_0=w.accessor(np.round(coordinates * 65535), USHORT, normalized=True),
    )
    w.document.extensionsUsed = ["KHR_mesh_quantization"]
    w.document.extensionsRequired = ["KHR_mesh_quantization"]
    w.save(path, [w.node(mesh=w.mesh(part), scale=[0.5, 0.4, 0.5])])


def strips_and_fans(path):
    """A ribbon as a strip, a cone as a fan, a loose triangle without indices, and a line that draws no face."""
    w = Writer()
    turn = np.linspace(0, 2 * np.pi, 49)
    ring = np.stack([np.cos(turn) * 0.5, np.zeros_like(turn), np.sin(turn) * 0.5], -1)
    ribbon = np.stack([ring + [0, 0.18, 0], ring], 1).reshape(-1, 3)
    cone = np.concatenate([[[0, 0.75, 0]], (ring * 0.55 + [0, 0.25, 0])[::-1]])
    parts = [
        primitive(w.points(ribbon), None, w.material(factor=(0.2, 0.45, 0.5, 1), doubleSided=True), mode=5),
        primitive(
            w.points(cone), w.accessor(np.arange(len(cone)), USHORT, target=34963),
            w.material(factor=(0.75, 0.5, 0.15, 1)), mode=6,
        ),
        primitive(
            w.points([[-0.2, 0.0, 0.62], [0.2, 0.0, 0.62], [0.0, 0.3, 0.62]]), None,
            w.material(factor=(0.6, 0.2, 0.25, 1)),
        ),
        primitive(w.points([[-0.5, 0.0, 0.0], [0.5, 0.7, 0.0]]), None, mode=1),
    ]
    w.save(path, [w.node(mesh=w.mesh(*parts))])


def see_through(path):
    """A lattice by an alpha mask around a globe that is half transparent."""
    w = Writer()
    lattice = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    draw = ImageDraw.Draw(lattice)
    for at in range(0, 128, 32):
        draw.rectangle([at, 0, at + 9, 127], fill=(196, 120, 60, 255))
        draw.rectangle([0, at, 127, at + 9], fill=(196, 120, 60, 255))
    points, normals, coordinates, faces = box((0.9, 0.9, 0.9))
    cage = primitive(
        w.points(points), w.accessor(faces.reshape(-1), UBYTE, target=34963),
        w.material(w.picture(lattice, "PNG"), alphaMode="MASK", alphaCutoff=0.5, doubleSided=True),
        NORMAL=w.accessor(normals, FLOAT), TEXCOORD_0=w.accessor(coordinates, FLOAT),
    )
    points, normals, _, faces = globe(20, 40, 0.34)
    glass = primitive(
        w.points(points), w.accessor(faces.reshape(-1), USHORT, target=34963),
        w.material(factor=(0.2, 0.45, 0.7, 0.5), alphaMode="BLEND"), NORMAL=w.accessor(normals, FLOAT),
    )
    w.save(path, [w.node(mesh=w.mesh(cage, glass))])


def moved_texture(path):
    """A texture that is turned, scaled and mirrored (KHR_texture_transform and samplers), beside an unlit one."""
    w = Writer()
    points, normals, coordinates, faces = box((0.6, 0.6, 0.2))
    image = w.picture(checker(128), "PNG")
    indices = w.accessor(faces.reshape(-1), USHORT, target=34963)
    normal, coordinate = w.accessor(normals, FLOAT), w.accessor(coordinates * 1.5, FLOAT)
    moved = w.material(
        image, sampler={"wrapS": 33648, "wrapT": 33648},
        extension={"KHR_texture_transform": {"offset": [0.2, 0.1], "rotation": 0.5, "scale": [1.3, 1.3]}},
    )
    unlit = w.material(image, sampler={"wrapS": 10497, "wrapT": 33071}, extensions={"KHR_materials_unlit": {}})
    parts = [
        primitive(w.points(points + [place, 0, 0]), indices, material, NORMAL=normal, TEXCOORD_0=coordinate)
        for place, material in ((-0.36, moved), (0.36, unlit))
    ]
    w.document.extensionsUsed = ["KHR_texture_transform", "KHR_materials_unlit"]
    w.save(path, [w.node(mesh=w.mesh(*parts))])


MODELS = {
    "textured-png": lambda path: by_trimesh_textured(path, "PNG"),
    "textured-jpeg": lambda path: by_trimesh_textured(path, "JPEG"),
    "textured-webp": lambda path: by_trimesh_textured(path, "WEBP"),
    "several-meshes": by_trimesh_several,
    "vertex-colours": by_trimesh_colours,
    "sparse": sparse,
    "node-transforms": transforms,
    "index-sizes": index_sizes,
    "no-normals": no_normals,
    "interleaved": interleaved,
    "quantized": quantized,
    "strips-and-fans": strips_and_fans,
    "see-through": see_through,
    "moved-texture": moved_texture,
}

# Too large to keep: written by the Python tests only.
LARGE_MODELS = {"large-indices": large_indices}


def write_all(folder, large=False):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    models = MODELS | (LARGE_MODELS if large else {})
    for name, write in models.items():
        write(folder / f"{name}.glb")
    return [folder / f"{name}.glb" for name in models]


if __name__ == "__main__":
    for written in write_all(sys.argv[1]):
        print(written, written.stat().st_size)
