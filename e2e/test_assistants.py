"""Real assistants, with a model of ours: their hooks fire, what they answer reaches the model, and the permission stays.

Their packages have hundreds of megabytes, so that a folder that has them is named, as for the lists of `test_init.py`:

    npm install --prefix FOLDER @anthropic-ai/claude-code @openai/codex @google/gemini-cli @github/copilot opencode-ai
    KINO_E2E_ASSISTANTS=FOLDER/node_modules/.bin python -m pytest e2e/test_assistants.py

Each is set up by `kino init --yes --stop` in an empty home, without an account, and asks `model_server.py` in the place of its model,
which has it execute three commands. Nothing leaves this machine.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import binary
from model_server import Model
from test_hook import INSTRUCTION, SHOP

FOLDER = os.environ.get("KINO_E2E_ASSISTANTS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="KINO_E2E_ASSISTANTS names no folder with assistants")
PROMPT = "Run the tests of the shop and tell me what happened."
VARIABLES = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "COPILOT_HOME", "XDG_CONFIG_HOME"]
SECONDS_MAX = 240


def claude(case):
    case.environment |= {
        "ANTHROPIC_BASE_URL": case.model.url, "ANTHROPIC_API_KEY": "sk-ant-none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # Root may skip permissions only where this says that nothing can be harmed.
        "IS_SANDBOX": "1",
    }
    return ["claude", "-p", PROMPT, "--permission-mode", case.mode, "--output-format", "stream-json", "--verbose",
            *(["--allowedTools", "Bash"] if case.mode == "default" else [])]


def codex(case):
    settings = case.user / ".codex" / "config.toml"
    settings.write_text(
        'model = "gpt-5"\nmodel_provider = "ours"\n\n[model_providers.ours]\nname = "ours"\nwire_api = "responses"\n'
        f'base_url = "{case.model.url}/v1"\n\n' + settings.read_text()
    )
    return ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--dangerously-bypass-hook-trust", PROMPT]


def gemini(case):
    case.environment |= {"GOOGLE_GEMINI_BASE_URL": case.model.url, "GEMINI_API_KEY": "none", "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    settings = case.user / ".gemini" / "settings.json"
    value = json.loads(settings.read_text())
    value |= {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False},
              "general": {"disableAutoUpdate": True, "enableAutoUpdate": False}}
    settings.write_text(json.dumps(value))
    return ["gemini", "--prompt", PROMPT, "--approval-mode", "yolo", "--model", "gemini-2.5-flash"]


def copilot(case):
    case.environment |= {
        "COPILOT_PROVIDER_BASE_URL": f"{case.model.url}/v1", "COPILOT_PROVIDER_TYPE": "openai", "COPILOT_PROVIDER_API_KEY": "none",
        "COPILOT_MODEL": "gpt-5", "COPILOT_OFFLINE": "true", "COPILOT_AUTO_UPDATE": "false",
    }
    return ["copilot", "-p", PROMPT, "--allow-all-tools", "--allow-all-paths"]


def opencode(case):
    settings = case.user / ".config" / "opencode" / "opencode.json"
    value = json.loads(settings.read_text())
    value |= {
        "model": "ours/one", "autoupdate": False, "share": "disabled", "permission": {"bash": "allow"},
        "provider": {"ours": {"npm": "@ai-sdk/openai-compatible", "name": "ours", "models": {"one": {"name": "one"}},
                              "options": {"baseURL": f"{case.model.url}/v1", "apiKey": "none"}}},
    }
    settings.write_text(json.dumps(value))
    return ["opencode", "run", PROMPT]


class Case:
    """An assistant in a home of its own, in a repository with lines that are not committed."""

    def __init__(self, engine, python, agent, commands, mode="bypassPermissions"):
        self.engine, self.agent, self.mode = engine, agent, mode
        self.user = engine.home.parent / "user"
        bin_folder = engine.home.parent / "bin"
        for made in (self.user, bin_folder):
            made.mkdir(mode=0o755)
        (bin_folder / "kino").symlink_to(binary().resolve())
        clean = {key: value for key, value in engine.environment.items() if key not in VARIABLES and not key.startswith(("CLAUDE", "ANTHROPIC", "OPENAI"))}
        self.environment = {**clean, "HOME": str(self.user), "PWD": str(engine.directory), "PATH": f"{bin_folder}:{FOLDER}:{Path(shutil.which('node')).parent}:/usr/bin:/bin"}
        run = lambda *words: subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=engine.directory, check=True, capture_output=True)
        run("init", "-q")
        (engine.directory / "shop.py").write_text("# to come\n")
        run("add", "-A")
        run("commit", "-q", "-m", "first")
        (engine.directory / "shop.py").write_text(SHOP + "\n\ndef unused():\n    return 1\n")
        (engine.home / "config.toml").write_text('[hooks]\nstop = true\ncommands = ["python* shop.py *"]\n\n[run]\nlines = true\n')
        (engine.home / "config.toml").chmod(0o600)
        self.model = Model(commands)
        self.init("--yes", "--stop")

    def init(self, *words):
        done = subprocess.run([binary(), "init", self.agent, "--json", *words], env=self.environment, cwd=self.engine.directory,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def works(self, made):
        """Has the assistant do its work, and returns what it printed."""
        program, *words = made(self)
        if not (Path(FOLDER) / program).exists():
            pytest.skip(f"{program} is not in KINO_E2E_ASSISTANTS")
        done = subprocess.run([Path(FOLDER) / program, *words], env=self.environment, cwd=self.engine.directory, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS_MAX)
        self.model.close()
        shown = done.stdout + done.stderr
        assert self.model.asked(), ([request.path for request in self.model.requests], shown)
        assert done.returncode == 0 and self.model.asked()[-1].results == len(self.model.commands), shown
        return shown

    def heard(self):
        """All that the model was sent, as text."""
        return json.dumps([request.body for request in self.model.asked()], ensure_ascii=False)


def check_told(case):
    """The finding reached the model with a later call, without recorded text, and is known to have been delivered."""
    told = case.heard()
    start = told.index("Kinescope: 1 new finding")
    text = told[start:start + 400].split("kino insights show")[0]
    assert "n_plus_one" in text and "shop.py:" in text and "IGNORE" not in text, text
    items = case.engine.json("insights", "--state", "all")["items"]
    delivered = [entry["channel"] for item in items for entry in item.get("delivered", [])]
    assert delivered == [f"hook:{case.agent}"], items
    state = case.init("--check")["agents"][0]
    assert state["configured"] and state["problems"] == [] and state["last_heard_unix_nanos"], state


def commands(python, before=""):
    # The finding may come after the first call was answered: then it is told with the second or third.
    return [f"{before}{python} shop.py fail", "sleep 3", "sleep 1", "sleep 1", "sleep 1"]


@pytest.mark.parametrize(("agent", "made"), [("claude-code", claude), ("gemini-cli", gemini)])
def test_a_command_becomes_a_run_and_its_finding_reaches_the_model(own_engine, python, agent, made):
    case = Case(own_engine, python, agent, commands(python))
    shown = case.works(made)
    [run] = own_engine.json("runs")["items"]
    assert run["command"][1:] == ["shop.py", "fail"] and run["call"], run
    if agent == "claude-code":
        assert run["call"] == "toolu_call_01", run
    check_told(case)
    assert (own_engine.home / "assistants" / f"stop-{agent}").exists(), shown
    # What the command printed reached the model as it was, and nothing of Kinescope's besides the finding.
    assert INSTRUCTION in case.heard()


@pytest.mark.parametrize(("agent", "made"), [("claude-code", claude), ("codex", codex), ("copilot-cli", copilot), ("opencode", opencode)])
def test_where_the_user_is_asked_the_command_stays_and_its_finding_reaches_the_model(own_engine, python, agent, made):
    case = Case(own_engine, python, agent, commands(python, f"{binary().resolve()} run -- "), mode="default")
    case.works(made)
    [run] = own_engine.json("runs")["items"]
    assert run["command"][1:] == ["shop.py", "fail"] and "call" not in run, run
    check_told(case)
