"""Measuring tools of the parts: wrk, nginx, CPU time and memory of processes, many open connections."""

import json
import os
import re
import resource
import select
import shutil
import socket
import subprocess
import tempfile
import time

from process import end, spawn

HERE = os.path.dirname(os.path.abspath(__file__))


class Missing(Exception):
    """A program that a row needs is not installed. The text names the program."""


def need(program):
    found = shutil.which(program)
    if not found:
        raise Missing(f'{program} is not installed')
    return found


def raise_open_files():
    """Raises the limit of open files of this process and its children to the hard limit. Returns the limit."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return limit


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float('nan')


class Watched:
    """CPU time and memory of a process."""

    def __init__(self, pid):
        self.pid = pid

    def cpu(self):
        with open(f'/proc/{self.pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def rss_mib(self):
        with open(f'/proc/{self.pid}/status', encoding='utf-8') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1)) / 1024


class Load:
    """The result of a wrk run: requests per second, p50 and p99 in ms, the server's CPU seconds per 100,000 requests."""

    def __init__(self, text, spent):
        requests = int(re.search(r'(\d+) requests in ', text).group(1))
        assert requests, 'wrk received no responses'

        def milliseconds(quantile):
            value, unit = re.search(quantile + r'%\s+([\d.]+)(us|ms|s|m)\b', text).groups()
            return float(value) * {'us': 0.001, 'ms': 1, 's': 1000, 'm': 60000}[unit]

        self.rate = float(re.search(r'Requests/sec:\s+([\d.]+)', text).group(1))
        self.p50, self.p99 = milliseconds('50'), milliseconds('99')
        self.cpu = 100_000 * spent / requests


class Target:
    """The requests of wrk, the same in every round. `depth`: requests per write. `paths`: a file of paths that wrk requests in turn."""

    def __init__(self, server, url, header=None, depth=1, paths=None):
        self.server = server
        self.words = ['-H', header] if header else []
        if depth > 1 or paths:
            self.words += ['-s', os.path.join(HERE, 'requests.lua'), url, '--', str(depth)] + ([paths] if paths else [])
        else:
            self.words += [url]

    def run(self, options):
        words = [need('wrk'), '-t1', f'-c{options.connections}', f'-d{options.seconds}s', '--latency', '--timeout', '10s', *self.words]
        before = self.server.cpu()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for pattern in (r'Non-2xx or 3xx responses: (\d+)', r'Socket errors: (.*)'):
            errors = re.search(pattern, done.stdout)
            assert not errors, f"{' '.join(self.words)}: {errors.group(0)}"
        return Load(done.stdout, self.server.cpu() - before)


def wrk(options, *targets):
    """Returns the best of several rounds for each target. The targets take turns in a round, so that other load affects all of them."""
    rounds = [[target.run(options) for target in targets] for _ in range(options.rounds)]
    return [max(loads, key=lambda load: load.rate) for loads in zip(*rounds)]


class Nginx:
    """nginx with one worker, an access log and one static file.

    sendfile is off, as by default: it costs more than it saves for a small file.
    """

    def __init__(self, body, connections):
        program = need('nginx')
        self.folder = tempfile.mkdtemp(prefix='dbaas-bench-')
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        with open(os.path.join(self.folder, 'metrics.json'), 'w', encoding='utf-8') as file:
            file.write(body)
        config = os.path.join(self.folder, 'nginx.conf')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(f'''worker_processes 1; daemon off; pid {self.folder}/pid; error_log {self.folder}/error.log;
worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[0]};
events {{ worker_connections {max(16384, connections)}; }}
http {{ access_log {self.folder}/access.log combined; keepalive_requests 1000000000;
  keepalive_timeout 600; open_file_cache max=10; default_type application/json;
  client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{ listen 127.0.0.1:{self.port} backlog=4096; root {self.folder}; }} }}
''')
        self.process = spawn([program, '-c', config, '-p', self.folder], stderr=subprocess.DEVNULL)
        self.path = '/metrics.json'
        self.folder_of_children = f'/proc/{self.process.pid}/task/{self.process.pid}/children'
        self.url = f'http://127.0.0.1:{self.port}{self.path}'

    def worker(self):
        with open(self.folder_of_children, encoding='utf-8') as file:
            return Watched(int(file.read().split()[0]))

    def close(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Listeners:
    """Many open connections of one small program (bench/listen.cpp). A context manager."""

    def __init__(self, options, port, count, path, until):
        self.process = spawn([os.path.join(options.programs, 'dbaas_bench_listen'), str(port), str(count), path, until],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.received = b''
        self.opened = self.response()['opened']

    def receives(self, seconds):
        """Returns whether a line arrives within `seconds`."""
        deadline = time.monotonic() + seconds
        while b'\n' not in self.received:
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                return False
            part = self.process.stdout.read(65536)
            assert part, 'the listeners ended because their connections were closed'
            self.received += part
        return True

    def response(self, seconds=60):
        assert self.receives(seconds), f'the listeners received nothing for {seconds:.0f} s'
        line, self.received = self.received.split(b'\n', 1)
        return json.loads(line)

    def send(self, command):
        self.process.stdin.write(command.encode() + b'\n')
        return self.response()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        end(self.process)
        self.process.stdout.close()
