"""The MongoDB test server (test/mongo) as a child process that tests kill and restart."""

import os
import shutil
import subprocess

from process import end, spawn

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, '.cache/mongo')


def is_installed():
    return os.path.exists(os.path.join(FOLDER, 'installed')) and shutil.which('java') is not None


class MongoServer:
    """Starts the server on a free port. `file` holds the data; without it they are in memory. close() ends it.

    `options` are those of java. The default ones start it fast and are meant for small stores.
    """

    def __init__(self, file=None, options=('-Xmx256m', '-XX:TieredStopAtLevel=1')):
        self.file = file
        self.options = options
        self.port = 0
        self.process = None
        self.start()

    def start(self):
        """Starts an ended server again on its port."""
        self.process = spawn(['java', '-XX:+UseSerialGC', *self.options, '-cp',
                              f'{FOLDER}/classes:{FOLDER}/lib/*', 'MongoTestServer', str(self.port),
                              *([self.file] if self.file else [])],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        assert line.startswith('PORT '), f'the MongoDB test server did not start: {line}'
        self.port = int(line.split()[1])

    def url(self, database='dbaas'):
        return f'mongodb://127.0.0.1:{self.port}/{database}'

    def stop(self):
        end(self.process)
        self._close_pipes()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._close_pipes()

    def _close_pipes(self):
        self.process.stdin.close()
        self.process.stdout.close()

    def close(self):
        if self.process.poll() is None:
            self.stop()
