"""An app whose import lasts until the test opens the gate "boot"."""

from main import app as app
from main import pass_gate

pass_gate("boot")
