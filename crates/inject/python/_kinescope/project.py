"""Finds the repository that a process was started in, where nothing told it: as `kino` itself finds and names it.

Owns: the name of the project and its worktree. Never does: start git, or read more of a file than one short line.
"""

import os

_PARENTS_MAX = 128
_POINTER_BYTES_MAX = 8 * 1024


def of(directory):
    """The common git directory and the worktree, both without links; None outside of repositories."""
    try:
        folder = os.path.realpath(directory)
        for _ in range(_PARENTS_MAX):
            git = os.path.join(folder, ".git")
            if os.path.exists(git):
                own = git if os.path.isdir(git) else _pointed_to(git, "gitdir:")
                if own is None:
                    return None
                common = _pointed_to(os.path.join(own, "commondir"), "") or own
                return os.path.realpath(common), folder
            above = os.path.dirname(folder)
            if above == folder:
                return None
            folder = above
    except (OSError, ValueError):
        pass
    return None


def _pointed_to(file, prefix):
    """The folder that a file names, absolute or relative to its own; None where it names none."""
    if not os.path.isfile(file):
        return None
    with open(file, encoding="utf-8", errors="strict") as opened:
        text = opened.read(_POINTER_BYTES_MAX)
    if not text.startswith(prefix) or not text[len(prefix):].strip():
        return None
    return os.path.join(os.path.dirname(file), text[len(prefix):].strip())
