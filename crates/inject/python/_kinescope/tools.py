"""Says whether this process is a tool around the program rather than the program.

Owns: the list of tools. Never does: import anything beyond `os` and `sys`.
A tool hands the environment on to what it starts and makes no spans.
"""

import os
import sys

TOOLS = frozenset(
    """
    pip uv uvx pipx poetry pdm hatch rye conda mamba pipenv pip-compile pip-sync tox nox virtualenv venv ensurepip
    pre-commit pre_commit black ruff mypy dmypy pyright flake8 pylint isort autopep8 yapf pyupgrade bandit pyflakes
    pycodestyle pydocstyle twine build installer wheel setuptools flit maturin cython cythonize compileall py_compile
    zipapp site sysconfig tabnanny ast dis tokenize pyright-python-langserver pylsp jedi-language-server
    opentelemetry-instrument opentelemetry-bootstrap get-pip bumpversion cookiecutter sphinx-build mkdocs
    cffi-gen-src keyring pyenv
    """.split()
)
# Scripts that build tools start: the file itself is the tool's.
SCRIPTS = frozenset(("_in_process.py", "setup.py", "__pip-runner__.py", "get-pip.py", "pyvenv.py"))
# What `multiprocessing` starts beside the program.
HELPERS = ("from multiprocessing.resource_tracker import", "from multiprocessing.semaphore_tracker import")
# Options of the interpreter that take a value of their own.
VALUED = ("-W", "-X", "--check-hash-based-pycs")


def is_tool():
    """Whether what this interpreter was started with is a tool."""
    return names_tool(arguments())


def arguments():
    """The interpreter's own command line."""
    found = getattr(sys, "orig_argv", None)
    if found is None:
        try:
            with open("/proc/self/cmdline", "rb") as line:
                found = os.fsdecode(line.read(65536)).split("\0")
        except OSError:
            found = [sys.executable] + list(getattr(sys, "argv", ()))
    return found


def names_tool(arguments):
    index = 1
    while index < len(arguments):
        argument = arguments[index]
        value = arguments[index + 1] if index + 1 < len(arguments) else ""
        if argument in VALUED:
            index += 2
            continue
        if argument.startswith("-") and len(argument) > 1 and not argument.startswith("--"):
            # Letters may be joined, as in `-Im pip`; the last may take what follows it.
            letters = argument[1:]
            for letter in "mc":
                head, found, tail = letters.partition(letter)
                if found and not set(head) & set("WX"):
                    return _is_tool_code(letter, tail or value)
        elif not argument.startswith("-"):
            return _is_tool_script(argument)
        index += 1
    return False


def _is_tool_code(letter, value):
    if letter == "m":
        return value.partition(".")[0] in TOOLS
    return value.startswith(HELPERS)


def _is_tool_script(path):
    name = os.path.basename(path)
    if name in SCRIPTS:
        return True
    if name == "__main__.py" or name == "":
        name = os.path.basename(os.path.dirname(path.rstrip("/")) if name else path.rstrip("/"))
    if name.endswith(".py"):
        return False
    if name.startswith("pip") and name[3:].replace(".", "").isdigit():
        name = "pip"
    return name in TOOLS
