"""Stands between the server and its store, and makes the store worse than it is: slow, or without an answer."""

import http.client
import http.server
import socket
import sys
import threading
import time
import urllib.parse


class StoreProxy:
    """`path`: the store's Unix socket. While `delay_s` > 0 each insert takes so much longer. lose_answer(n) says of the n-th insert whether its
    answer never reaches the server, though the insert was done. While `gate` is cleared inserts wait here."""

    def __init__(self, path):
        self.path = path
        self.delay_s = 0.0
        self.lose_answer = lambda number: False
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = 0  # inserts, at the gate
        self.inserts = 0
        self.under_way = 0
        self.lost = 0
        self.lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 300

            def do_POST(self):
                with proxy.lock:
                    proxy.under_way += 1
                try:
                    proxy.forward(self)
                finally:
                    with proxy.lock:
                        proxy.under_way -= 1

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                if not isinstance(sys.exc_info()[1], OSError):  # a client that is killed is what is tried
                    super().handle_error(request, client_address)

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def forward(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        insert = "INSERT" in urllib.parse.unquote_plus(handler.path)
        loses = False
        if insert:
            with self.lock:
                self.inserts += 1
                loses = self.lose_answer(self.inserts)
                self.lost += loses
                self.waiting += 1
            self.gate.wait()
            with self.lock:
                self.waiting -= 1
            time.sleep(self.delay_s)  # the fault itself
        upstream = http.client.HTTPConnection("store", timeout=300)
        upstream.sock = socket.socket(socket.AF_UNIX)
        upstream.sock.settimeout(300)
        try:
            upstream.sock.connect(self.path)
            headers = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "connection")}
            upstream.request(handler.command, handler.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if loses:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
