"""Lets the tests import the benchmark's modules, which are scripts beside each other."""

import sys
from pathlib import Path

DEFERRED = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(DEFERRED), str(DEFERRED.parent)]
