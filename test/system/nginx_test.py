#!/usr/bin/env python3
"""`dbaas serve` behind nginx with the configuration of Debian's package: streams, entity tags."""

import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

from process import end, spawn
from serve_test import KUBECONFIG
from stack import address_in, request, wait_until

# nginx.conf of Debian 12, with the paths and the server of a test.
NGINX = """user www-data;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log off;
    gzip on;
    {http}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/nginx.socket;
        location / {{
            proxy_pass {platform};
            {location}
        }}
    }}
}}
"""
# A response that nginx buffers arrives when its buffers are full or the platform ends.
SECONDS = 15


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Nginx(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='dbaas-test-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)  # nginx drops its privileges
        kubeconfig = os.path.join(self.folder, 'kubeconfig')
        with open(kubeconfig, 'w', encoding='utf-8') as file:
            file.write(KUBECONFIG)
        log = os.path.join(self.folder, 'log')
        with open(log, 'wb') as out:
            process = spawn([os.path.join(os.environ['DBAAS_BIN'], 'dbaas'), 'serve', '--listen', '127.0.0.1:0',
                             '--kubeconfig', kubeconfig, '--data-dir', os.path.join(self.folder, 'data'),
                             '--log-format', 'json'], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                            env={'PATH': os.environ['PATH']})
        self.addCleanup(end, process)

        self.platform = wait_until(lambda: address_in(log), what='the platform')

    def start_nginx(self, location='', http=''):
        path = os.path.join(self.folder, 'nginx.conf')
        self.socket = os.path.join(self.folder, 'nginx.socket')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(NGINX.format(folder=self.folder, platform=self.platform, location=location, http=http))
        process = spawn(['nginx', '-c', path, '-p', self.folder], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(end, process)

        def accepts():  # the file exists before nginx listens
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(self.socket) == 0

        wait_until(accepts, what='nginx')

    def open(self, method, path, body=None, headers=None):
        connection = SocketConnection(self.socket)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers or {})
        return connection.getresponse()

    def read_event(self, stream, wanted):
        """Reads lines until one contains `wanted`. Raises TimeoutError after SECONDS without a byte."""
        while True:
            line = stream.readline().decode()
            self.assertTrue(line, f'the stream ended before {wanted}')
            if wanted in line:
                return line

    def check_stream(self, upstream):
        self.start_nginx(f'proxy_http_version {upstream};')
        stream = self.open('GET', '/api/v1/stream', headers={'Accept-Encoding': 'gzip'})
        self.assertEqual(stream.status, 200)
        self.assertIsNone(stream.getheader('Content-Encoding'))
        self.read_event(stream, 'event: sync')
        response = request('POST', self.platform + '/api/v1/projects', {'name': 'shop'})
        self.assertEqual(response.status, 201, response.text)
        self.read_event(stream, 'event: upsert')
        self.assertIn('"shop"', self.read_event(stream, 'data: '))

    def test_streams_deliver_every_event_at_once(self):
        self.check_stream('1.0')  # nginx's default

    def test_streams_over_http_1_1_deliver_every_event_at_once(self):
        self.check_stream('1.1')

    def test_entity_tags_of_compressed_responses_are_accepted(self):
        self.start_nginx(http='gzip_types application/json; gzip_proxied any; gzip_min_length 1;')
        path = '/api/v1/projects/default'
        response = self.open('GET', path, headers={'Accept-Encoding': 'gzip'})
        tag = response.getheader('ETag')
        self.assertEqual(response.getheader('Content-Encoding'), 'gzip')
        self.assertTrue(tag.startswith('W/'), tag)
        headers = {'If-None-Match': tag, 'Accept-Encoding': 'gzip'}
        self.assertEqual(self.open('GET', path, headers=headers).status, 304)
        headers = {'If-Match': tag, 'Content-Type': 'application/merge-patch+json'}
        response = self.open('PATCH', path, '{"labels":{"a":"b"}}', headers)
        self.assertEqual(response.status, 200, response.read())
        response = self.open('PATCH', path, '{"labels":{"a":"c"}}', headers)
        self.assertEqual(response.status, 412, response.read())


if __name__ == '__main__':
    unittest.main(verbosity=2)
