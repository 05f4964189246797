#!/usr/bin/env python3
"""Tests of rest.py against a local HTTP server."""

import http.server
import os
import sys
import threading
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rest import exchange, opener  # noqa: E402


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(418)
        self.end_headers()
        self.wfile.write(self.rfile.read(int(self.headers['Content-Length'])))

    def log_message(self, *_):
        pass


class exchange_test(unittest.TestCase):
    def setUp(self):
        server = http.server.HTTPServer(('127.0.0.1', 0), Echo)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}/'

    def test_returns_a_response_with_any_status(self):
        response = exchange('POST', self.url, {'a': 1})
        self.assertEqual((response.status, response.json), (418, {'a': 1}))

    def test_uses_no_proxy(self):
        opener.cache_clear()
        with mock.patch.dict(os.environ, {'http_proxy': 'http://127.0.0.1:1', 'no_proxy': '', 'NO_PROXY': ''}):
            self.assertEqual(exchange('POST', self.url, {}).status, 418)


if __name__ == '__main__':
    unittest.main()
