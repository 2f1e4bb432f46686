"""A host of files that a test can make do anything, and that notes every connection made to it.

    with FileHost() as host, FileHost("127.0.0.2") as inside:
        host.files["/model.glb"] = glb            # served whole
        host.answers["/put"] = [503, 503, 200]    # statuses of PUTs, the last one for ever
        host.redirects["/hop"] = inside.url + "/secret"
        host.half["/slow"] = glb                  # half of it, and the rest after `host.go.set()`
        host.puts                                 # what was put: (path, headers, bytes)
        inside.connections                        # how often anybody connected
"""

from __future__ import annotations

import http.server
import shutil
import struct
import json
import subprocess
import tempfile
import pathlib
import threading


class FileHost:
    def __init__(self, address: str = "127.0.0.1"):
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.answers: dict[str, list[int]] = {}
        self.redirects: dict[str, str] = {}
        self.half: dict[str, bytes] = {}
        self.gets: list[tuple[str, dict]] = []
        self.puts: list[tuple[str, dict, bytes]] = []
        self.connections = 0
        self.go = threading.Event()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def setup(self):
                host.connections += 1
                super().setup()

            def head(self, status: int, length: int, **headers: str):
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()

            def do_GET(self):
                path = self.path
                host.gets.append((path, {n.lower(): v for n, v in self.headers.items()}))
                if path in host.redirects:
                    self.head(302, 0, Location=host.redirects[path])
                elif path in host.half:
                    data = host.half[path]
                    self.head(200, len(data))
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    host.go.wait(60)
                    try:
                        self.wfile.write(data[len(data) // 2 :])
                    except OSError:
                        self.close_connection = True
                elif path in host.files:
                    data = host.files[path]
                    self.head(200, len(data), Content_Type=host.types.get(path, "model/gltf-binary"))
                    self.wfile.write(data)
                else:
                    self.head(404, 0)

            def do_PUT(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                host.puts.append((self.path, {n.lower(): v for n, v in self.headers.items()}, data))
                if self.path in host.redirects:
                    return self.head(307, 0, Location=host.redirects[self.path])
                planned = host.answers.get(self.path, [200])
                self.head(planned.pop(0) if len(planned) > 1 else planned[0], 0)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_port}"
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> "FileHost":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def small_glb(payload: bytes = b"", texture: bytes | None = None) -> bytes:
    """One triangle, sound. `payload` makes it as large as wanted, and another file; `texture` is a picture for it."""
    places = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    pad = lambda data, by: data + by * (-len(data) % 4)  # noqa: E731
    views = [places, *([texture] if texture else []), *([payload] if payload else [])]
    binary, spans = b"", []
    for view in views:
        spans.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(view)})
        binary += pad(view, b"\0")
    primitive: dict = {"attributes": {"POSITION": 0}}
    document: dict = {
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}], "buffers": [{"byteLength": len(binary)}], "bufferViews": spans,
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
    }  # fmt: skip
    if texture:
        coordinates = struct.pack("<6f", 0, 0, 1, 0, 0, 1)
        spans.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(coordinates)})
        binary += coordinates
        document["buffers"][0]["byteLength"] = len(binary)
        document["accessors"].append(
            {"bufferView": len(spans) - 1, "componentType": 5126, "count": 3, "type": "VEC2"}
        )
        primitive |= {"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}
        document |= {
            "images": [{"bufferView": 1, "mimeType": "image/png"}], "textures": [{"source": 0}],
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        }  # fmt: skip
    text = pad(json.dumps(document).encode(), b" ")
    binary = pad(binary, b"\0")
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, length), struct.pack("<I4s", len(text), b"JSON"), text,
            struct.pack("<I4s", len(binary), b"BIN\0"), binary,
        ]
    )  # fmt: skip


SHIM = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What the system would do with another resolver, or with a full disk. */

/* SHIM_NAME is resolved to SHIM_ADDRESS; everything else as ever. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *name = getenv("SHIM_NAME");
    if (node && name && strcmp(node, name) == 0) node = getenv("SHIM_ADDRESS");
    return real(node, service, hints, result);
}

/* While the file SHIM_FULL exists, nothing can be written below a directory called assets. */
static int full(int fd) {
    char link[64], path[4096];
    const char *flag = getenv("SHIM_FULL");
    if (!flag || access(flag, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/assets/") != NULL;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    if (full(fd)) { errno = ENOSPC; return -1; }
    return real(fd, bytes, count);
}
"""


def build_shim() -> str:
    """Compiles the shim and answers its path, for `LD_PRELOAD`."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="trellis-shim-"))
    (folder / "shim.c").write_text(SHIM)
    compiler = next(filter(None, map(shutil.which, ["cc", "clang", "gcc"])))
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True
    )
    return str(folder / "shim.so")
