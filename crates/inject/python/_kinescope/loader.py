"""Finds the bootstrap's own modules, and waits at the import system for libraries that have a patch.

Owns: the one entry in `sys.meta_path`, and the table of patches by module.
Never does: import a library. A patch runs once its library's module has been executed, by the program's own import.
"""

import sys

_module_type = type(sys)


class Finder:
    """Serves `_kinescope.*` from the bootstrap's folder; for modules with a patch, adds it to what others find."""

    def __init__(self, code_of):
        self._code_of = code_of
        self._patches = {}  # module name -> function(module)
        self._searching = set()

    def find_spec(self, name, path=None, target=None):
        if name in self._patches:
            return self._with_patch(name, path, target)
        if name.startswith("_kinescope."):
            spec = _bootstrap().ModuleSpec(name, self, origin="built-in")
            return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self._code_of(module.__name__.rpartition(".")[2]), module.__dict__)

    def when_imported(self, name, patch):
        """Calls `patch(module)` after the module is executed; at once if it was."""
        self._patches[name] = patch
        module = sys.modules.get(name)
        if module is not None:
            run_patch(patch, name, module)

    def _with_patch(self, name, path, target):
        import _thread

        key = (name, _thread.get_ident())
        if key in self._searching:
            return None
        self._searching.add(key)
        try:
            spec = self._search(name, path, target)
        finally:
            self._searching.discard(key)
        loader = getattr(spec, "loader", None)
        if loader is not None and hasattr(loader, "exec_module") and not isinstance(loader, type):
            self._watch(loader, name)
        return spec

    def _search(self, name, path, target):
        """What the finders after this one say."""
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
        return None

    def _watch(self, loader, name):
        """Lets this loader's next execution of the module end with the patch; its class and identity stay."""
        from . import guard

        execute = loader.exec_module

        def patched(call):
            vars(loader).pop("exec_module", None)

        def after(call):
            run_patch(self._patches[name], name, call.args[0])

        try:
            loader.exec_module = guard.wrap(execute, "loader.exec_module", patched, after, always=True)
        except (AttributeError, TypeError):
            pass


def run_patch(patch, name, module):
    """A patch that fails leaves the library as it is, and is reported."""
    from . import guard

    try:
        patch(module)
    except Exception as error:
        guard.report("patch." + name, error)


def _bootstrap():
    return sys.modules["_frozen_importlib"]


def start(code_of, folder):
    """Installs the finder, and hands over to the module `start`."""
    package = _module_type("_kinescope")
    package.__path__ = []
    sys.modules["_kinescope"] = package
    finder = Finder(code_of)
    package.finder = finder
    sys.meta_path.insert(0, finder)
    from . import start as beginning

    if not beginning.begin(finder, folder):
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == "_kinescope"]:
            del sys.modules[name]
