"""Parallel work with a window: results in order (or as they come), bounded in number and in bytes, in constant memory.

Threads, not async: what runs here (requests, hashing, deflate) releases the GIL or blocks.
"""

from mxpc.streams.concurrency import Concurrency
from mxpc.streams.maps import Abandoned, ordered_map, pause, unordered_map
from mxpc.streams.stop import Gate, Stop, Stopped
from mxpc.streams.team import Team

__all__ = ["Abandoned", "Concurrency", "Gate", "Stop", "Stopped", "Team", "ordered_map", "pause", "unordered_map"]
