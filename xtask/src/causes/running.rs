//! The system while it runs: its processes, the proxies before them, and the faults that are switched on and off.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::bank::Bank;
use super::cases::PlantedCause;
use super::engine::Engine;
use super::faults::Fault;
use super::proxy::Proxy;
use super::services::{BANK, GATEWAY, Language, SERVICES};
use crate::{exec, packages, system};

/// How long a service may take to listen: most of it fills a database.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(50);
/// How often spans and logs are sent, in milliseconds: well within the time that things settle.
const SEND_MILLIS: &str = "500";

/// A running system. All of it ends with this value.
#[derive(Debug)]
pub(super) struct RunningSystem {
    processes: BTreeMap<&'static str, ServiceProcess>,
    bank: Bank,
    burners: Vec<Child>,
    python: PathBuf,
    programs: PathBuf,
    /// Where messages lie that are not yet taken.
    messages: PathBuf,
    engine: u32,
    /// Counted before anything is moved to one of them.
    cores: usize,
}

#[derive(Debug)]
struct ServiceProcess {
    child: Child,
    port: u16,
    proxy: Proxy,
}

impl RunningSystem {
    /// Installs what the services need below `products`, and starts them in `folder`.
    ///
    /// # Errors
    ///
    /// Where something cannot be installed, or a service does not listen in time.
    pub(super) fn start(root: &Path, products: &Path, folder: &Path, engine: &Engine) -> anyhow::Result<Self> {
        let sources = root.join("causes");
        let python = packages::python(&sources, products)?;
        let modules = packages::node(&sources, products)?;
        let (programs, data) = (folder.join("programs"), folder.join("data"));
        packages::copy(&sources.join("programs"), &programs)?;
        let messages = data.join("orders");
        fs::create_dir_all(&messages)?;
        let bank = Bank::start()?;
        let (processes, burners, cores) = (BTreeMap::new(), Vec::new(), system::cores());
        let mut running = Self { processes, bank, burners, python, programs, messages, engine: engine.id(), cores };
        for service in &SERVICES {
            let peer = |peer: &&'static str| {
                let port = if *peer == BANK { running.bank.port } else { running.processes[peer].proxy.port };
                ((*peer).to_owned(), json!(format!("http://127.0.0.1:{port}")))
            };
            let peers: Value = service.peers.iter().map(peer).collect::<serde_json::Map<_, _>>().into();
            let (program, ending) = match service.language {
                Language::Python => (running.python.as_path(), "py"),
                Language::Node => (Path::new("node"), "js"),
            };
            let port = free_port()?;
            let log = File::create(folder.join(format!("{}.log", service.name)))?;
            let mut command = Command::new(program);
            command.arg(running.programs.join(format!("{}.{ending}", service.name))).current_dir(&data);
            command.env("NODE_PATH", &modules).env("CAUSES_FOLDER", &data);
            command.env("CAUSES_PORT", port.to_string()).env("CAUSES_PEERS", peers.to_string());
            command.env("OTEL_SERVICE_NAME", service.name).env("OTEL_METRICS_EXPORTER", "none");
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", engine.otlp));
            command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
            command.env("OTEL_BSP_SCHEDULE_DELAY", SEND_MILLIS).env("OTEL_BLRP_SCHEDULE_DELAY", SEND_MILLIS);
            command.env_remove("TRACEPARENT").env_remove("OTEL_RESOURCE_ATTRIBUTES");
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            let child = command.spawn().with_context(|| format!("failed to start {}", service.name))?;
            let process = ServiceProcess { child, port, proxy: Proxy::start(port)? };
            running.processes.insert(service.name, process);
        }
        running.wait(folder)?;
        Ok(running)
    }

    /// Waits until each service takes settings.
    fn wait(&mut self, folder: &Path) -> anyhow::Result<()> {
        let began = exec::now();
        for (name, process) in &mut self.processes {
            while set(process.port, &json!({})).is_err() {
                if process.child.try_wait()?.is_some() || began.elapsed() > START_LIMIT {
                    bail!("{name} did not start:\n{}", fs::read_to_string(folder.join(format!("{name}.log")))?);
                }
                std::thread::sleep(LOOK);
            }
        }
        Ok(())
    }

    /// Where requests come to.
    pub(super) fn gateway(&self) -> String {
        format!("127.0.0.1:{}", self.processes[GATEWAY].proxy.port)
    }

    /// How many messages wait in the queue.
    ///
    /// # Errors
    ///
    /// Where its folder cannot be read.
    pub(super) fn messages(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(&self.messages).context("failed to read the queue")?.count())
    }

    /// Does what the normal window of this cause needs, too.
    ///
    /// # Errors
    ///
    /// Where processes cannot be moved to a core.
    pub(super) fn prepare(&self, cause: &PlantedCause) -> anyhow::Result<()> {
        if cause.fault != Fault::Cpu {
            return Ok(());
        }
        let last = self.cores - 1;
        if last == 0 {
            bail!("one core alone cannot be shared out: the fault cpu needs two");
        }
        for process in self.everything() {
            let is_its = process == self.processes[cause.service.name].child.id();
            pin(process, &if is_its { last.to_string() } else { format!("0-{}", last - 1) })?;
        }
        Ok(())
    }

    /// Switches the fault on.
    ///
    /// # Errors
    ///
    /// Where the service does not answer, or a program does not start.
    pub(super) fn switch_on(&mut self, cause: &PlantedCause) -> anyhow::Result<()> {
        let process = &self.processes[cause.service.name];
        let number = |key: &str| cause.parameters[key].as_u64().with_context(|| format!("a fault without {key}"));
        match cause.fault {
            Fault::Cpu => {
                let core = (self.cores - 1).to_string();
                for _ in 0..number("burners")? {
                    let mut burner = Command::new(&self.python);
                    burner.arg(self.programs.join("burn.py")).arg(&core).stdin(Stdio::null());
                    self.burners.push(burner.spawn().context("failed to start a burner")?);
                }
            }
            Fault::Delay => process.proxy.delay(number("delay_ms")?),
            Fault::SlowDependency if cause.service.peers.contains(&BANK) => self.bank.slow_down(number("factor")?),
            _ => set(process.port, &cause.settings())?,
        }
        Ok(())
    }

    /// Switches every fault off, and lets everything run on all cores.
    ///
    /// # Errors
    ///
    /// Where a service does not answer any more.
    pub(super) fn switch_off(&mut self) -> anyhow::Result<()> {
        self.end_burners();
        self.bank.slow_down(1);
        for (name, process) in &self.processes {
            process.proxy.delay(0);
            set(process.port, &json!({})).with_context(|| format!("{name} does not answer any more"))?;
        }
        let all = format!("0-{}", self.cores - 1);
        self.everything().try_for_each(|process| pin(process, &all))
    }

    /// User and system time of the services, the engine, this process and burners so far, in hundredths of a second.
    pub(super) fn busy_ticks(&self) -> u64 {
        let burners = self.burners.iter().map(Child::id);
        self.everything().chain(burners).map(system::process_ticks).sum()
    }

    /// Cores that everything may use together.
    pub(super) fn cores(&self) -> usize {
        self.cores
    }

    fn everything(&self) -> impl Iterator<Item = u32> {
        let services = self.processes.values().map(|process| process.child.id());
        services.chain([self.engine, std::process::id()])
    }

    fn end_burners(&mut self) {
        for mut burner in self.burners.drain(..) {
            // One that has ended already is what is wanted.
            drop(burner.kill());
            drop(burner.wait());
        }
    }
}

impl Drop for RunningSystem {
    fn drop(&mut self) {
        self.end_burners();
        for process in self.processes.values_mut() {
            drop(process.child.kill());
            drop(process.child.wait());
        }
    }
}

/// Says to a service what is wrong with it, or with nothing that all is well.
fn set(port: u16, settings: &Value) -> anyhow::Result<()> {
    /// A service may have to work through a long queue first.
    const LIMIT: Duration = Duration::from_mins(1);
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build().into();
    agent.post(format!("http://127.0.0.1:{port}/fault")).send_json(settings)?;
    Ok(())
}

/// Lets all threads of a process run on these cores alone.
fn pin(process: u32, cores: &str) -> anyhow::Result<()> {
    /// A thread that ends meanwhile makes taskset give up; threads here live for one request.
    const TRIES: usize = 50;
    let mut said = String::new();
    for _ in 0..TRIES {
        let arguments = ["--all-tasks", "--cpu-list", "--pid", cores, &process.to_string()];
        let output =
            Command::new("taskset").args(arguments).output().context("failed to start taskset of util-linux")?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    bail!("taskset failed: {said}")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
