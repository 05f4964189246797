"""Programs that end with this one, and a main program that cleans up whichever signal ends it."""

import os
import shutil
import signal
import subprocess
import sys
import threading

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def spawn(words, **how):
    """A Popen that gets SIGTERM when this program is gone, even by SIGKILL. The kernel goes by the thread that started it."""
    assert threading.current_thread() is threading.main_thread()
    if shutil.which(words[0]) is None:  # setpriv would say so in the program's own log
        raise FileNotFoundError(f'{words[0]} is not there')
    return subprocess.Popen(['setpriv', '--pdeathsig', 'TERM', *words], **how)


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
