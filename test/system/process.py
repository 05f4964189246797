"""Programs that end with this one, and a main program that cleans up whichever signal ends it."""

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


def spawn(words, **options):
    """Starts a program that the kernel ends with SIGTERM when this process exits, even by SIGKILL.

    Returns a Popen. The signal is set before the program runs, so there is no moment at which the child can outlive its parent.
    Errors: FileNotFoundError (no such program). Call it on the main thread: the kernel watches the thread that forked.
    """
    assert threading.current_thread() is threading.main_thread()
    if shutil.which(words[0]) is None:
        raise FileNotFoundError(f'{words[0]} is not installed')
    parent = os.getpid()

    def end_with_parent():
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0 or os.getppid() != parent:
            os._exit(127)

    return subprocess.Popen(words, preexec_fn=end_with_parent, **options)


def end(process, seconds=30):
    """In an orderly way, if it does that in time. One that has ended is well."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def interrupt(number, _):
    for each in END_SIGNALS:  # one is enough; what cleans up is not to be disturbed
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def run(main):
    """Exits with what main() returns. Every signal that ends a program is a KeyboardInterrupt: 'finally', 'with' and atexit see it, and
    unittest lets it through, while a SystemExit is the failure of one test to it."""
    for number in END_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, interrupt)
    try:
        status = main()
    except KeyboardInterrupt as ended:
        status = 128 + ended.args[0]
        print(f'{os.path.basename(sys.argv[0])}: ended by {signal.Signals(ended.args[0]).name}', file=sys.stderr)
    sys.exit(status)
