"""What the contract tests share: they and their processes import each other."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
