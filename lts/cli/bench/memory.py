"""How much memory the process holds."""

import gc
import resource
from pathlib import Path

STATM = Path("/proc/self/statm")
KIB = 1024


def resident_bytes() -> int:
    """The bytes of this process in memory, garbage collected first: now, or without /proc the most so far."""
    gc.collect()
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
