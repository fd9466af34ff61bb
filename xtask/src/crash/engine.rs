//! The engine under test: started, found by its file, asked, killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::exec;

/// How long an engine may take to replay and listen.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How long one answer may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_mins(1);
/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(10);
/// The largest export that is read: a few thousand traces of a few hundred bytes a span.
const EXPORT_BYTES_MAX: u64 = 1 << 30;

/// A running `kino serve`.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    addresses: Addresses,
}

/// Where it listens.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) http: String,
    pub(super) otlp: String,
    pub(super) token: String,
}

impl Engine {
    pub(super) fn start(bin: &Path, home: &Path, kill_point: Option<&str>) -> anyhow::Result<Self> {
        let log = home.join("crash-engine.log");
        let output = File::create(&log).context("failed to make the engine's log")?;
        let mut command = Command::new(bin);
        command.args(["serve", "--addr", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]);
        command.env("KINO_HOME", home).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        match kill_point {
            Some(point) => command.env("KINO_KILL_POINT", point),
            None => command.env_remove("KINO_KILL_POINT"),
        };
        let mut child = command.spawn().with_context(|| format!("failed to start {}", bin.display()))?;
        let began = exec::now();
        while began.elapsed() < START_LIMIT {
            if let Some(addresses) = read_addresses(home, child.id()) {
                return Ok(Self { child, addresses });
            }
            if let Some(status) = child.try_wait()? {
                if kill_point.is_some() {
                    // It met its point before it listened; that counts, and the next start must stand it.
                    return Self::start(bin, home, None);
                }
                bail!("the engine ended with {status}:\n{}", fs::read_to_string(&log)?);
            }
            std::thread::sleep(LOOK);
        }
        child.kill().context("failed to kill the engine")?;
        bail!("the engine did not listen in time:\n{}", fs::read_to_string(&log)?);
    }

    pub(super) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Waits for it to end by itself; false when it did not.
    pub(super) fn wait(&mut self, limit: Duration) -> anyhow::Result<bool> {
        let began = exec::now();
        while began.elapsed() < limit {
            if self.child.try_wait()?.is_some() {
                return Ok(true);
            }
            std::thread::sleep(LOOK);
        }
        Ok(false)
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("failed to kill the engine")?;
        self.child.wait()?;
        Ok(())
    }

    /// How often each span of these traces is in the engine's export.
    pub(super) fn spans_of(&self, traces: &[String]) -> anyhow::Result<BTreeMap<(String, String), u64>> {
        let question = json!({ "trace_ids": traces, "encoding": "json", "signal": "traces" });
        let body = ask(&self.addresses, "export", &question)?;
        let mut found = BTreeMap::new();
        for line in body.lines().filter(|line| !line.trim().is_empty()) {
            let message: Value = serde_json::from_str(line).context("the export is not JSON lines")?;
            for span in spans(&message) {
                let id = |key: &str| span[key].as_str().map(str::to_lowercase).context("a span without ids");
                *found.entry((id("traceId")?, id("spanId")?)).or_default() += 1;
            }
        }
        Ok(found)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Deletes the catalog of a home without an engine, and restores it.
pub(super) fn lose_catalog(bin: &Path, home: &Path) -> anyhow::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(home.join(format!("meta.sqlite{suffix}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let rebuilt = Command::new(bin).args(["doctor", "--rebuild"]).env("KINO_HOME", home).output()?;
    if !rebuilt.status.success() {
        let said = [rebuilt.stdout, rebuilt.stderr].concat();
        bail!("the catalog was not restored:\n{}", String::from_utf8_lossy(&said));
    }
    Ok(())
}

/// Asks a question over REST.
pub(super) fn ask(addresses: &Addresses, name: &str, question: &Value) -> anyhow::Result<String> {
    let url = format!("http://{}/api/v1/{name}", addresses.http);
    let response = ureq::post(&url)
        .config()
        .timeout_global(Some(ANSWER_LIMIT))
        .http_status_as_error(false)
        .build()
        .header("Authorization", &format!("Bearer {}", addresses.token))
        .send_json(question);
    let mut response = response.with_context(|| format!("failed to ask {name}"))?;
    let body = response.body_mut().with_config().limit(EXPORT_BYTES_MAX).read_to_string()?;
    if !response.status().is_success() {
        bail!("{name} was answered with {}: {body}", response.status());
    }
    Ok(body)
}

/// The spans of one OTLP message.
fn spans(message: &Value) -> impl Iterator<Item = &Value> {
    let resources = message["resourceSpans"].as_array().into_iter().flatten();
    let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().into_iter().flatten());
    scopes.flat_map(|scope| scope["spans"].as_array().into_iter().flatten())
}

/// The addresses that this very process wrote down.
fn read_addresses(home: &Path, pid: u32) -> Option<Addresses> {
    let path: PathBuf = home.join("engine.json");
    let file: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    if file["pid"].as_u64()? != u64::from(pid) {
        return None;
    }
    let text = |key: &str| file[key].as_str().map(str::to_owned);
    Some(Addresses { http: text("http")?, otlp: text("otlp_http")?, token: text("token").unwrap_or_default() })
}
