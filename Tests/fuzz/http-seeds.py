#!/usr/bin/env python3
"""Writes the requests of Tests/corpora/http-requests.jsonl as files into the directory given, as seeds."""
import hashlib, json, os, sys

out = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
for line in open(f"{here}/../corpora/http-requests.jsonl", encoding="utf-8"):
    raw = json.loads(line)["raw"].encode("latin-1")
    if len(raw) <= 2048:
        with open(f"{out}/{hashlib.sha1(raw).hexdigest()}", "wb") as f:
            f.write(raw)
