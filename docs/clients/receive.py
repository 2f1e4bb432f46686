"""Receives webhooks and prints them: WEBHOOK_SECRET=whsec_... python receive.py 9000

Needs nothing but Python. The gateway calls https only, unless its operator allows http: put it behind what speaks it.
"""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
# What was received. A real receiver keeps it where a restart does not forget it, such as a table with a unique key.
SEEN = set()


def verify(headers, body: bytes) -> None:
    """Raises ValueError unless these very bytes are the gateway's, and fresh."""
    name, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if abs(time.time() - int(moment)) > 300:
        raise ValueError("sent too long ago: perhaps by somebody who had listened")
    code = hmac.digest(KEY, f"{name}.{moment}.".encode() + body, "sha256")
    right = b"v1," + base64.b64encode(code)
    # One for each secret that counts: two while a rotation's overlap lasts.
    given = headers.get("webhook-signature", "").encode().split()
    if not any(hmac.compare_digest(right, one) for one in given):
        raise ValueError("not signed with this secret")


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 20))
        try:
            verify(self.headers, body)
        except ValueError as error:
            return self.answer(400, str(error))
        if self.headers["webhook-id"] not in SEEN:
            event = json.loads(body)
            print(event["type"], event["data"].get("task_id", ""), flush=True)
            SEEN.add(self.headers["webhook-id"])
        # Without a 2xx within 15 seconds it comes again: what takes longer is done after the answer.
        self.answer(204)

    def answer(self, status: int, words: str = ""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(words.encode())))
        self.end_headers()
        self.wfile.write(words.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
