"""Calls that a provider makes to the gateway when a job ends, made by the test instead."""

from __future__ import annotations

import hashlib
import json
import time

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# The simulator signs fal's with key 1 of RFC 8032 §7.1.
FAL_KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)


def send(url: str, body: dict | bytes, headers: dict | None = None) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(url, content=content, headers={"Content-Type": "application/json"} | (headers or {})).status_code


def pixazo_news(job: str, status: str) -> dict:
    return {"request_id": job, "status": status, "output": {}}


def fal_news(job: str, status: str = "OK") -> bytes:
    return json.dumps({"request_id": job, "gateway_request_id": job, "status": status, "payload": {}}).encode()


def fal_signature(job: str, body: bytes, *, at: float | None = None, key: Ed25519PrivateKey = FAL_KEY) -> dict:
    seconds = str(int(time.time() if at is None else at))
    message = "\n".join([job, "user", seconds, hashlib.sha256(body).hexdigest()])
    return {
        "X-Fal-Webhook-Request-Id": job, "X-Fal-Webhook-User-Id": "user", "X-Fal-Webhook-Timestamp": seconds,
        "X-Fal-Webhook-Signature": key.sign(message.encode()).hex(),
    }  # fmt: skip
