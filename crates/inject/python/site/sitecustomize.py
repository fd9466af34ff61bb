"""Starts the bootstrap in a Python process of `kino run`, then runs the `sitecustomize` that this file hides.

Owns: whether the process is one that the bootstrap supports, how its modules are read, and the order of start.
Never does: anything that shows in the program afterwards. This folder leaves `sys.path`, and `import sitecustomize`
finds what it found before. The file itself must compile on any Python, because the variable reaches all of them.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(os.path.dirname(HERE), "_kinescope")
VERSION_MIN = (3, 9)


def code_of(name):
    """The compiled module `name` of the bootstrap, from the cache beside its source where that is current.

    The file name within the code is not a path: `warnings`, `logging` and coverage tools pass over frames of
    the import system, and so over these.
    """
    import marshal

    source_path = os.path.join(MODULES, name + ".py")
    about = os.stat(source_path)
    stamp = ("%s %d %d\n" % (sys.implementation.cache_tag, about.st_size, about.st_mtime_ns)).encode()
    optimized = sys.flags.optimize
    cache_path = os.path.join(MODULES, "__pycache__", "%s.%s.%d" % (name, sys.implementation.cache_tag, optimized))
    try:
        with open(cache_path, "rb") as cache:
            found = cache.read()
        if found.startswith(stamp):
            return marshal.loads(found[len(stamp) :])
    except (OSError, ValueError, EOFError, TypeError):
        pass
    with open(source_path, "rb") as source:
        code = compile(source.read(), "<frozen importlib._bootstrap kino.%s>" % name, "exec", dont_inherit=True)
    store(cache_path, stamp + marshal.dumps(code))
    return code


def store(path, content):
    """Writes a file of the cache as a whole, or not at all."""
    temporary = "%s.%d" % (path, os.getpid())
    try:
        if not os.path.isdir(os.path.dirname(path)):
            os.mkdir(os.path.dirname(path), 0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as cache:
            cache.write(content)
        os.replace(temporary, path)
    except OSError:
        pass


def start():
    """Loads the bootstrap's `start` module where this process is one for it."""
    if not os.environ.get("KINO_CHANNEL") or sys.version_info < VERSION_MIN or sys.implementation.name != "cpython":
        return
    scope = {"__name__": "_kinescope.loader", "__package__": "_kinescope"}
    exec(code_of("loader"), scope)
    scope["start"](code_of, MODULES)


def leave_path():
    """Takes this folder out of where modules are searched."""
    sys.path[:] = [entry for entry in sys.path if not same_folder(entry)]
    for entry in list(sys.path_importer_cache):
        if same_folder(entry):
            del sys.path_importer_cache[entry]


def same_folder(entry):
    return isinstance(entry, str) and entry != "" and os.path.abspath(entry) == HERE


def run_hidden():
    """Runs the next `sitecustomize` on the path in the place of this one; without one, there is none."""
    if sys.version_info < (3, 4):
        import imp

        place = imp.find_module("sitecustomize", sys.path)
        del sys.modules["sitecustomize"]
        imp.load_module("sitecustomize", *place)
        return
    finder = sys.modules["_frozen_importlib_external"].PathFinder
    spec = finder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        error = ImportError("No module named 'sitecustomize'")
        error.name = "sitecustomize"
        raise error
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


leave_path()
try:
    start()
except Exception:  # The program starts whatever happens here.
    pass
run_hidden()
