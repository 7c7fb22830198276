"""What all tests share: hypothesis without deadlines, the same examples every run."""

import signal

from hypothesis import settings

# A shell starts what runs in the background with Ctrl-C ignored, and `nohup` ignores
# the end of a terminal; programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("graphc", deadline=None, derandomize=True)
settings.load_profile("graphc")
