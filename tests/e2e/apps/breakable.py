"""An app that can be imported until the test opens the gate "broken"."""

import os
from pathlib import Path

from main import app as app

if (Path(os.environ["TEST_GATES"]) / "broken").exists():
    raise RuntimeError("no menu today")
