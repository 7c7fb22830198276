"""What all tests share: hypothesis without deadlines, the same examples every run."""

from hypothesis import settings

settings.register_profile("graphc", deadline=None, derandomize=True)
settings.load_profile("graphc")
