"""The programs here are run by ``test_scripts.py``, not collected."""

from pathlib import Path

collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("*.py")
    if not path.name.startswith(("test_", "conftest", "__init__"))
]
