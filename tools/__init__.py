"""The generator: writes what follows from the tasks and the settings, as this tree has them."""

import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(_ROOT / "lib"), str(_ROOT / "checks")]  # before an installed package
