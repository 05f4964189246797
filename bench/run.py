#!/usr/bin/env python3
"""Measures the platform beside nginx in one run: the same bytes, one server thread each, wrk as the client.

'./dev bench' builds in release and calls this. Prints a table and writes it to build/bench/result.md. Needs redis-server with
its exporter (./dev test --live installs them), nginx and wrk. Everything runs on 127.0.0.1 and ends with the run.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse():
    parser = argparse.ArgumentParser(prog='./dev bench', description=__doc__.split('\n')[0])
    parser.add_argument('--bin', required=True, help=argparse.SUPPRESS)
    parser.add_argument('--quick', action='store_true', help='short runs, to see that the benchmark itself works')
    parser.add_argument('--seconds', type=int, default=8, help='of each measurement (8)')
    parser.add_argument('--connections', type=int, default=64, help='of the client (64)')
    return parser.parse_args()


def free_port():
    with socket.socket() as made:
        made.bind(('127.0.0.1', 0))
        return made.getsockname()[1]


def wrk(url, how, header=None):
    """Requests per second and the 99th percentile in ms."""
    words = ['wrk', '-t1', f'-c{how.connections}', f'-d{how.seconds}s', '--latency', url]
    if header:
        words += ['-H', header]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r'Requests/sec:\s+([\d.]+)', text).group(1))
    value, unit = re.search(r'99%\s+([\d.]+)(us|ms|s)', text).groups()
    bad = re.search(r'Non-2xx or 3xx responses: (\d+)', text)
    if bad:
        raise SystemExit(f'{url}: {bad.group(1)} answers were errors')
    return rate, float(value) * {'us': 0.001, 'ms': 1, 's': 1000}[unit]


def rss_mib(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1024


class Nginx:
    """One worker, an access log, one static file."""

    def __init__(self, body):
        self.folder = tempfile.mkdtemp(prefix='dbaas-bench-')
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        with open(os.path.join(self.folder, 'metrics.json'), 'w', encoding='utf-8') as file:
            file.write(body)
        config = os.path.join(self.folder, 'nginx.conf')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(f'''worker_processes 1; daemon off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 2048; }}
http {{ access_log {self.folder}/access.log combined; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  open_file_cache max=10; default_type application/json;
  client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{ listen 127.0.0.1:{self.port}; root {self.folder}; }} }}
''')
        self.process = subprocess.Popen(['nginx', '-c', config, '-p', self.folder], stderr=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{self.port}/metrics.json'

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    how = parse()
    if how.quick:
        how.seconds = 1
    os.environ['DBAAS_BIN'] = how.bin
    sys.path.insert(0, os.path.join(ROOT, 'tests'))
    from stack import Stack, request, wait_until  # noqa: E402
    stack = Stack()
    rows = []
    try:
        stack.start_cluster()
        begun = time.monotonic()
        stack.start_platform(DBAAS_HTTP_THREADS='1')
        start_ms = (time.monotonic() - begun) * 1000
        stack.wait_for_engine('redis')
        database = stack.created('bench')
        stack.wait_for(database, 'running')
        path = f'/api/v1/databases/{database}/metrics'
        wait_until(lambda: 'operations' in stack.get(path).json['metrics'], what='metrics')
        answer = stack.get(path)
        nginx = Nginx(answer.text)
        try:
            wait_until(lambda: request('GET', nginx.url).status == 200, what='nginx')
            tag = request('GET', nginx.url).headers['ETag']
            ours, ours_p99 = wrk(stack.base + path, how)
            theirs, theirs_p99 = wrk(nginx.url, how)
            rows.append(('cached GET …/metrics, requests/s', ours, theirs, ours / theirs))
            rows.append(('… p99 ms', ours_p99, theirs_p99, None))
            listed, listed_p99 = wrk(stack.base + f'/api/v1/databases/{database}', how)
            rows.append(('GET …/databases/{id}, requests/s', listed, theirs, listed / theirs))
            etag = stack.get(f'/api/v1/databases/{database}').headers['ETag']
            ours, ours_p99 = wrk(stack.base + f'/api/v1/databases/{database}', how, f'If-None-Match: {etag}')
            theirs, theirs_p99 = wrk(nginx.url, how, f'If-None-Match: {tag}')
            rows.append(('304, requests/s', ours, theirs, ours / theirs))
            rows.append(('… p99 ms', ours_p99, theirs_p99, None))
        finally:
            nginx.close()
        rows.append(('start to ready, ms (by polling)', start_ms, None, None))
        rows.append(('RSS of dbaas after the run, MiB', rss_mib(stack.platform.pid), None, None))
    finally:
        stack.close()
    lines = [f'Body: {len(answer.text)} bytes; {how.connections} connections, {how.seconds} s each, one server thread each.', '',
             '| what | dbaas | nginx | ratio |', '|---|---|---|---|']
    for name, ours, theirs, ratio in rows:
        lines.append(f"| {name} | {ours:,.1f} | {'' if theirs is None else f'{theirs:,.1f}'} | {'' if ratio is None else f'{ratio:.2f}'} |")
    text = '\n'.join(lines) + '\n'
    print(text)
    folder = os.path.join(ROOT, 'build', 'bench')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'result.md'), 'w', encoding='utf-8') as file:
        file.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
