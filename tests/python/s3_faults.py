"""An S3 server that fails: a proxy on loopback in front of another one, which now and then answers with an error, stalls, cuts or spoils what it passes on.

In: the address of the other, chances of each fault, dice. Out: what was done to how many requests. A fault in `always` is done to every request of that
method, or any, whose path ends with that text.
"""

import collections
import http.client
import http.server
import threading
import time

ANSWERS = {
    "500": (500, "InternalError"),
    "503": (503, "SlowDown"),
    "403": (403, "AccessDenied"),
}
# Of objects that are fetched, and known by a hash.
OF_OBJECTS = ("cut", "short", "flipped")
HOP = {"connection", "transfer-encoding", "content-length", "server", "date", "keep-alive"}


class FaultyStore(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, upstream, dice, chances, stall_seconds):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.dice, self.chances, self.stall_seconds = upstream, dice, chances, stall_seconds
        self.always = {}
        self.spare = lambda path, fault: False
        self.done = collections.Counter()
        self.requests = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def fault(self, method, path):
        """What is to be done to a request, if anything."""
        key, _, query = path.partition("?")
        with self.lock:
            self.requests += 1
            for (only, end), fault in self.always.items():
                if key.endswith(end) and only in (None, method) and (fault not in OF_OBJECTS or method == "GET"):
                    self.done[fault] += 1
                    return fault
            drawn = self.dice.random()
            for fault, chance in self.chances.items():
                drawn -= chance
                if drawn < 0:
                    break
            else:
                return None
            if fault in OF_OBJECTS and (method != "GET" or "list-type" in query):
                return None
            if fault in ("half put", "lost answer") and method != "PUT":
                return None
            if self.spare(key, fault):
                return None
            self.done[fault] += 1
            return fault

    def handle_error(self, request, client_address):
        # Clients that were killed or gave up.
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send_response(self, code, message=None):
        self.send_response_only(code, message)

    def handle_expect_100(self):
        # The body may be what is cut.
        self.send_response_only(100)
        self.end_headers()
        return True

    def drop(self):
        self.close_connection = True

    def answer(self, status, headers, body, length=None):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def pass_on(self):
        fault = self.server.fault(self.command, self.path)
        length = int(self.headers.get("Content-Length", 0))
        if fault == "half put":
            self.rfile.read(length // 2)
            return self.drop()
        body = self.rfile.read(length)
        if fault == "stalled":
            time.sleep(self.server.stall_seconds)
            return self.drop()
        if fault == "dropped":
            return self.drop()
        if fault in ANSWERS:
            status, code = ANSWERS[fault]
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>made up</Message></Error>".encode()
            return self.answer(status, [("Content-Type", "application/xml")], text)
        upstream = http.client.HTTPConnection(self.server.upstream)
        upstream.request(self.command, self.path, body, {name: value for name, value in self.headers.items() if name.lower() != "connection"})
        got = upstream.getresponse()
        data = got.read()
        upstream.close()
        length = int(got.headers.get("Content-Length", 0)) if self.command == "HEAD" else None
        if fault == "lost answer":
            return self.drop()
        if got.status != 200 or not data:
            return self.answer(got.status, got.getheaders(), data, length)
        if fault == "cut":
            # Promises all, sends half.
            self.answer(got.status, got.getheaders(), data[: len(data) // 2], len(data))
            return self.drop()
        if fault == "short":
            # Promises and sends half.
            data = data[: len(data) // 2]
        if fault == "flipped":
            data = bytearray(data)
            data[len(data) // 2] ^= 1
        self.answer(got.status, got.getheaders(), bytes(data), length)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on
