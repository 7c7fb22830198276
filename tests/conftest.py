"""What all tests share: hypothesis without deadlines, the same examples every run."""

import signal

from hypothesis import settings

# A shell starts what runs in the background with Ctrl-C ignored, and programs that
# tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("graphc", deadline=None, derandomize=True)
settings.load_profile("graphc")
