//! An engine on a fresh home and free ports, and the questions that are put to it as `kino` commands.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::exec;

/// How long an engine may take to listen.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long it may take to end.
const END_LIMIT: Duration = Duration::from_secs(20);
/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(10);
/// What an address is when any free port will do.
const ANY: &str = "127.0.0.1:0";

/// A running `kino serve`, its home, and a folder from which it is asked.
#[derive(Debug)]
pub(crate) struct Engine {
    kino: PathBuf,
    folder: PathBuf,
    child: Child,
    /// Where it takes OTLP over HTTP.
    pub(crate) otlp: String,
}

impl Engine {
    /// Starts one in a folder, which is emptied before and removed afterwards.
    ///
    /// # Errors
    ///
    /// Where it does not listen in time.
    pub(crate) fn start(kino: &Path, folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("failed to empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder.join("work"))?;
        let log = File::create(folder.join("engine.log"))?;
        let mut command = command(kino, folder);
        command.args(["serve", "--addr", ANY, "--otlp-grpc", ANY, "--otlp-http", ANY]);
        let child = command.stdout(log.try_clone()?).stderr(log).spawn().context("failed to start kino serve")?;
        let mut engine = Self { kino: kino.to_owned(), folder: folder.to_owned(), child, otlp: String::new() };
        let began = exec::now();
        while began.elapsed() < START_LIMIT {
            if let Some(otlp) = engine.address() {
                engine.otlp = otlp;
                return Ok(engine);
            }
            if engine.child.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(LOOK);
        }
        bail!("the engine did not listen:\n{}", fs::read_to_string(folder.join("engine.log"))?);
    }

    fn address(&self) -> Option<String> {
        let file: Value = serde_json::from_slice(&fs::read(self.folder.join("home/engine.json")).ok()?).ok()?;
        file["otlp_http"].as_str().map(str::to_owned)
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Runs a `kino` command; returns its standard output.
    ///
    /// # Errors
    ///
    /// Where it fails, with what it printed.
    pub(crate) fn ask(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = command(&self.kino, &self.folder).args(arguments).output().context("failed to start kino")?;
        if !output.status.success() {
            bail!("kino {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.stdout)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An engine that has ended already, or a folder that has gone, is what is wanted.
        drop(self.ask(&["stop"]));
        let began = exec::now();
        while began.elapsed() < END_LIMIT && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK);
        }
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn command(kino: &Path, folder: &Path) -> Command {
    let mut command = Command::new(kino);
    command.current_dir(folder.join("work")).stdin(Stdio::null()).env("KINO_HOME", folder.join("home"));
    command.env_remove("TRACEPARENT").env("NO_COLOR", "1");
    command
}
