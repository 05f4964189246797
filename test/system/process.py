"""Child programs that end with this one, and a main program that cleans up after every signal."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # prctl(2)
libc = ctypes.CDLL(None, use_errno=True)


def spawn(command, **options):
    """Starts a program that the kernel ends with SIGTERM when this process exits, even by SIGKILL.

    Returns a Popen. The signal is set before the program runs, so there is no moment at which the child can outlive its parent.
    Errors: FileNotFoundError (no such program). Call it on the main thread: the kernel watches the thread that forked.
    """
    assert threading.current_thread() is threading.main_thread()
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f'{command[0]} is not installed')
    parent = os.getpid()

    def end_with_parent():
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0 or os.getppid() != parent:
            os._exit(127)

    return subprocess.Popen(command, preexec_fn=end_with_parent, **options)


def end(process, seconds=30):
    """Sends SIGTERM, then SIGKILL after `seconds`. No-op if the process has exited."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def interrupt(number, _):
    for other in END_SIGNALS:  # further signals must not interrupt the cleanup
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def run(main):
    """Exits with the result of main().

    Every signal that ends a program raises KeyboardInterrupt, so `finally`, `with` and atexit clean up. unittest passes a
    KeyboardInterrupt on, but treats a SystemExit as the failure of one test.
    """
    for number in END_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # ignored by the parent, as nohup does
            signal.signal(number, interrupt)
    try:
        status = main()
    except KeyboardInterrupt as interruption:
        status = 128 + interruption.args[0]
        print(f'{os.path.basename(sys.argv[0])}: ended by {signal.Signals(interruption.args[0]).name}', file=sys.stderr)
    sys.exit(status)
