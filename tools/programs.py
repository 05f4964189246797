"""Programs that run in the background of './dev up', and requests to them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

START_SECONDS = 60
STOP_SECONDS = 60


class Failed(Exception):
    """An error for a person: the cause and the next step."""


class TimedOut(Failed):
    """A condition did not become true before its deadline."""


def say(text=''):
    """Prints a line. A closed output ends the program as Ctrl-C does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise KeyboardInterrupt from None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy for this machine


def call(base, path, body=None, timeout=10, authorization=None):
    """Sends one request. Returns (status, JSON or text); the status is 0 if there is no response."""
    request = urllib.request.Request(base + path, method='POST' if body is not None else 'GET')
    if authorization is not None:
        request.add_header('Authorization', authorization)
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header('Content-Type', 'application/json')
    try:
        with OPENER.open(request, data, timeout) as response:
            status, text = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def signals_blocked():
    """Delays the stop signals until the block ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class Process:
    """A program that runs in the background. A file keeps its pid after this script has ended."""

    def __init__(self, name, run_dir):
        self.name = name
        self.pid_path = os.path.join(run_dir, name + '.pid')
        self.log_path = os.path.join(run_dir, name + '.log')
        self.child = None

    def start(self, command, env, inherits_signals=True):
        # A signal between the start and the pid file would leave an unknown process. The child inherits the blocked
        # signals, which is right for the programs of this project: they block them and wait for them.
        receive = None if inherits_signals else lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        with signals_blocked(), open(self.log_path, 'ab') as log:
            # In a new session Ctrl-C reaches this script alone, which stops the programs in order.
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                          start_new_session=True, preexec_fn=receive)
            with open(self.pid_path, 'w', encoding='utf-8') as file:
                file.write(f'{self.child.pid} {start_time(self.child.pid)}\n')

    def check(self):
        if self.child is None or self.child.poll() is None:
            return
        if self.child.returncode == 0:
            raise Failed(f'{self.name} was stopped by another command, such as ./dev down')
        raise Failed(f'{self.name} exited with status {self.child.returncode}; the last lines of {self.log_path}:\n'
                     + tail(self.log_path))

    def pid(self):
        """Returns the pid if this process is alive, else None."""
        try:
            with open(self.pid_path, encoding='utf-8') as file:
                pid, started = file.read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == started else None

    def stop(self):
        pid = self.pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it has ended since the check
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_alive(pid):
            if time.monotonic() > deadline:
                say(f'  {self.name} does not stop; sending SIGKILL')
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        if os.path.exists(self.pid_path):
            os.unlink(self.pid_path)

    def is_alive(self, pid):
        if self.child is not None and self.child.pid == pid:
            return self.child.poll() is None
        return self.pid() == pid


def start_time(pid):
    """Returns the start of a process in clock ticks since boot, or ''. With the pid it identifies the process."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
    except OSError:
        return ''
    return '' if fields[0] == 'Z' else fields[19]


def tail(path, lines=15):
    with open(path, encoding='utf-8', errors='replace') as file:
        return ''.join('    ' + line for line in file.readlines()[-lines:])


def wait_until(condition, seconds, processes, problem):
    """Waits until the condition is true and returns its value. `problem`, a text or a function, describes a timeout."""
    deadline = time.monotonic() + seconds
    while True:
        for process in processes:
            process.check()
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            text = problem() if callable(problem) else problem
            raise TimedOut(f'{text} within {seconds} s; see {os.path.dirname(processes[0].log_path)}/*.log')
        time.sleep(0.05)
