"""What a reader must refuse to create (FORMAT.md, chapter 5), and creating the rest."""

import os
import unicodedata

from errors import Unsafe


def refuse_controls(name):
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        raise Unsafe(f"a control character in {name!r}")


def check_path(path):
    refuse_controls(path)
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise Unsafe(f"path {path!r} is absolute or has a component that is empty, . or ..")


def check_target(path, target):
    refuse_controls(target)
    if not target:
        raise Unsafe(f"{path!r} is a link to nothing")


def leads_out(path, target, directories):
    """Whether a link might lead out of the folder: it is part of the archive, but not made."""
    if target.startswith("/"):
        return True
    at = path.split("/")[:-1]
    own = len(at)  # parts that are the link's own parents
    for part in target.split("/"):
        if part == "..":
            if not at or len(at) > own and "/".join(at) not in directories:
                return True
            at.pop()
            own = min(own, len(at))
        elif part not in ("", "."):
            at.append(part)
    return False


class Tree:
    """All paths so far."""

    def __init__(self):
        self.kinds = {}

    def add(self, path, is_link, is_directory, target):
        check_path(path)
        if is_link:
            check_target(path, target)
        # As if the destination ignored case and normal form: the strictest reading.
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).lower())
        for i, c in enumerate(key):
            if c == "/" and self.kinds.setdefault(key[:i], "implied") == "leaf":
                raise Unsafe(f"{path!r} lies below a file or link")
        kind = "directory" if is_directory else "leaf"
        before = self.kinds.get(key)
        if before is not None and (before, kind) != ("implied", "directory"):
            raise Unsafe(f"{path!r} is there already")
        self.kinds[key] = kind


def create(root, archive):
    """Writes all entries but links that lead out below `root`, which must not exist yet."""
    os.mkdir(root)
    place = lambda e: os.path.join(root, *e.path.split("/"))
    files = [e for e in archive.entries if e.tag in (0, 3)]
    folders = [e for e in archive.entries if e.tag == 1]
    paths = [e.path for e in archive.entries]
    known = {e.path for e in folders} | {p[:i] for p in paths for i, c in enumerate(p) if c == "/"}
    links = [e for e in archive.entries if e.tag == 2 and not leads_out(e.path, e.target, known)]
    for entry in folders:
        os.makedirs(place(entry), exist_ok=True)
    for entry in files:
        os.makedirs(os.path.dirname(place(entry)), exist_ok=True)
        with open(place(entry), "xb") as f:
            f.write(archive.content(entry))
    for entry in links:
        os.makedirs(os.path.dirname(place(entry)), exist_ok=True)
        os.symlink(entry.target, place(entry))
    for entry in files + sorted(folders, key=lambda e: -e.path.count("/")):
        os.utime(place(entry), ns=(entry.mtime, entry.mtime))
        os.chmod(place(entry), entry.mode)
