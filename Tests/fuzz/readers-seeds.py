#!/usr/bin/env python3
"""Writes the replies of Tests/ProvidersTests/Fixtures and of Tests/corpora/json-parsing.jsonl as seeds into the directory
given: a byte for the provider, one for the headers, one for the status, and the body."""
import hashlib, json, os, pathlib, sys

out = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).resolve().parent
# In the order of Provider.all.
PROVIDERS = ["3daistudio", "fal", "runware", "pixazo", "empiriolabs", "sandbox"]


def write(head: bytes, body: bytes) -> None:
    if len(body) <= 16384:
        (out / hashlib.sha1(head + body).hexdigest()).write_bytes(head + body)


for number, provider in enumerate(PROVIDERS):
    for path in sorted((here.parent / "ProvidersTests/Fixtures" / provider).glob("*.http")):
        answer = path.read_text().split("-- it answers --\n", 1)[-1].split("\n-- ", 1)[0]
        head, _, body = answer.partition("\n\n")
        code = int(head.split("\n")[0] or 200)
        status = 0 if code == 200 else 128 + (code - 100) // 4
        write(bytes([number, 0, status]), body.encode())
for line in open(here.parent / "corpora/json-parsing.jsonl", encoding="utf-8"):
    raw = json.loads(line)["raw"].encode("latin-1")
    write(bytes([len(raw) % len(PROVIDERS), 0, 0]), raw)
