"""A Java agent that the user has: JVMs of a command load it, build tools' own do not."""

import os
import shutil
import subprocess

import pytest
from conftest import binary

AGENT = """
import java.lang.instrument.Instrumentation;
public class Agent {
    public static void premain(String arguments, Instrumentation instrumentation) {
        System.out.println("agent: " + System.getenv("OTEL_SERVICE_NAME"));
    }
}
"""
MAIN = 'public class Main { public static void main(String[] words) { System.out.println("main " + System.getProperty("mine")); } }'

pytestmark = pytest.mark.skipif(
    not (shutil.which("javac") and shutil.which("jar")), reason="NOT TRIED: this needs a JDK (javac and jar)"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a main class, and an agent whose path has a space."""
    folder = tmp_path_factory.mktemp("java")
    (folder / "Agent.java").write_text(AGENT)
    (folder / "Main.java").write_text(MAIN)
    (folder / "manifest").write_text("Premain-Class: Agent\n")
    subprocess.run(["javac", "Agent.java", "Main.java"], cwd=folder, check=True)
    (folder / "an agent").mkdir()
    jar = folder / "an agent" / "agent.jar"
    subprocess.run(["jar", "cfm", jar, "manifest", "Agent.class"], cwd=folder, check=True)
    return folder, jar


def kino(engine, folder, *arguments, **more):
    environment = {key: value for key, value in engine.environment.items() if key != "JAVA_TOOL_OPTIONS"}
    return subprocess.run(
        [binary(), *map(str, arguments)], cwd=folder, env={**environment, **more}, capture_output=True, text=True, timeout=120
    )


def test_jvms_load_the_agent_beside_what_the_user_set(engine, built):
    folder, jar = built
    ran = kino(engine, folder, "run", "--java-agent", jar, "--", "java", "Main", JAVA_TOOL_OPTIONS="-Dmine=stays")
    assert ran.returncode == 0 and ran.stdout == "agent: Main\nmain stays\n", ran.stderr
    assert f'Picked up JAVA_TOOL_OPTIONS: -Dmine=stays "-javaagent:{jar}"' in ran.stderr
    # A relative path is the caller's; the JVM may begin elsewhere.
    ran = kino(engine, folder, "run", "--java-agent", "an agent/agent.jar", "--", "sh", "-c", f"cd / && java -cp '{folder}' Main")
    assert ran.stdout.startswith("agent: "), ran.stderr


def test_the_configuration_names_one_and_a_missing_one_stops_no_jvm(own_engine, built):
    folder, jar = built
    config = own_engine.home / "config.toml"
    for named, said in [(jar, None), (folder / "absent.jar", "is not a JAR file"), ("agent.jar", "must be an absolute path")]:
        config.write_text(f'[run]\njava_agent = "{named}"\n')
        ran = kino(own_engine, folder, "run", "--", "java", "Main")
        assert ran.returncode == 0 and ran.stdout == ("agent: Main\n" if said is None else "") + "main null\n"
        assert said is None or said in ran.stderr, ran.stderr
    config.write_text("")
    ran = kino(own_engine, folder, "run", "--java-agent", folder / "absent.jar", "--", "java", "Main")
    assert ran.returncode == 2 and ran.stdout == "" and "is not a JAR file" in ran.stderr


def test_a_build_tools_own_jvm_is_spared(engine, built, tmp_path):
    folder, jar = built
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho options=$JAVA_TOOL_OPTIONS\n")
    maven.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran = kino(engine, folder, "run", "--java-agent", jar, "--", "nice", "-n", "1", "mvn", "test", PATH=path)
    assert ran.stdout == "options=\n" and "mvn -DargLine=-javaagent:JAR test" in ran.stderr, ran.stderr
