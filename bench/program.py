"""Where the programs and data of the measurements are."""

import os
import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
DEFAULT_DATA = REPO.parent / "shared" / "eval-public"


def llz(*also: str) -> Path:
    """The program that LLZ names, or else the one of this repository, built now with `also`."""
    if "LLZ" in os.environ:
        return Path(os.environ["LLZ"]).resolve()
    cargo = ["cargo", "build", "--release", "--quiet", "--manifest-path", str(REPO / "Cargo.toml")]
    subprocess.run([*cargo, "--bins", *also], check=True)
    return REPO / "target" / "release" / "llz"
