"""What `kino instrument rust` prints is a program that compiles and reports what it does."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, binary, eventually, free_port

MANIFEST = """
[package]
name = "shop"
version = "0.1.0"
edition = "2024"

[dependencies]
axum = "0.8"
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "time"] }

[workspace]
"""
MAIN = """
#[tokio::main]
async fn main() {
    let app = axum::Router::new()
        .route("/orders/{order}", axum::routing::get(|| async { "shown" }));
    let listener = tokio::net::TcpListener::bind(std::env::args().nth(1).unwrap()).await.unwrap();
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served.unwrap(),
        () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {}
    }
}
"""

pytestmark = pytest.mark.skipif(
    os.environ.get("KINO_E2E_COMPILE") != "1" or not shutil.which("cargo"),
    reason="NOT TRIED: it compiles some 150 crates from the registry; KINO_E2E_COMPILE=1 does",
)


def test_an_axum_program_with_the_printed_lines_reports_its_requests(engine, tmp_path):
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "e2e" / "instrument"
    package = tmp_path / "shop"
    (package / "src").mkdir(parents=True)
    (package / "Cargo.toml").write_text(MANIFEST)
    (package / "src/main.rs").write_text(MAIN)
    printed = subprocess.run(
        [binary(), "instrument", "rust", "--json"], cwd=package, env=engine.environment, capture_output=True, text=True, check=True
    )
    advice = json.loads(printed.stdout)
    assert advice["framework"] == "axum" and sorted(os.listdir(package)) == ["Cargo.toml", "src"]
    for command in advice["commands"]:
        subprocess.run(command.split(), cwd=package, check=True, capture_output=True)
    (package / advice["file"]["path"]).write_text(advice["file"]["text"])
    begin, layer = advice["edits"]
    module, first = (line.partition("   //")[0] for line in begin["lines"])
    made = layer["lines"][0].partition("   //")[0]
    main = MAIN.replace("async fn main() {", f"async fn main() {{\n    {first}").replace('"shown" }));', f'"shown" }})){made};')
    (package / "src/main.rs").write_text(f"{module}\n{main}")
    build = ["cargo", "build", "--quiet"]
    subprocess.run(build, cwd=package, env={**os.environ, "CARGO_TARGET_DIR": str(target)}, check=True)
    port = free_port()
    process = subprocess.Popen(
        [binary(), "run", "--", target / "debug" / "shop", f"127.0.0.1:{port}"], env=engine.environment, cwd=engine.directory
    )

    def ask():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/orders/7", timeout=5).read()
        except OSError:
            return None

    assert eventually(ask) == b"shown"
    assert process.wait(timeout=60) == 0
    time.sleep(0.1)
    (found, *_) = engine.json("find", "--name", "GET /orders/{order}")["items"]
    assert found["root_service"] == "shop", found
