"""What holds for every test."""

from hypothesis import settings

# A busy machine is slow, not wrong: how long an example may take is the test's own time-out.
settings.register_profile("lts", deadline=None)
settings.load_profile("lts")
