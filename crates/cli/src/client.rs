//! Asks an engine in HTTP and JSON over its home's socket, which this user's engine alone can listen on.
//!
//! An engine is never looked for at default ports: another user's, or another home's, may answer there. No token is
//! sent, and the socket is found again for each question, so that an engine may be restarted meanwhile.

mod transport;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use kino_server::SocketPlaces;
use kino_wire::admin::{EngineFile, Health, Listeners, StatusQuestion};
use kino_wire::ask::Asked;
use kino_wire::export::DAMAGE_HEADER;
use kino_wire::{Backend, Damage, Problem, ProblemKind, Question};
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::config::Settings;
use crate::output;

/// The file of the home in which a running engine says where it is.
pub(crate) const ENGINE_FILE: &str = "engine.json";
/// A socket has no host name; this one needs no look-up, and every engine serves it.
const OVER_THE_SOCKET: &str = "http://127.0.0.1";
/// The version that client and engine must share.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long an engine may take to say that it is well.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection may take. On one machine it takes longer only where the engine has stopped accepting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a question may take. Long, because an engine bounds its own work and says so.
const QUESTION_TIMEOUT: Duration = Duration::from_mins(5);
/// How long the engine may pause while it takes a request.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// While an answer is awaited, the engine is asked this often whether it is well.
const HEALTH_EVERY: Duration = Duration::from_secs(3);
/// Health checks in a row without an answer after which a question is given up.
const SILENT_CHECKS_MAX: u32 = 3;
/// The largest answer that is read: beyond anything that an engine's own limits allow.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// The largest refusal that is read.
const REFUSAL_BYTES_MAX: u64 = 1 << 20;
/// Bytes of an answer that are read at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces of an answer that wait to be written.
const PIECES_WAITING_MAX: usize = 16;

/// What became of looking for an engine.
#[derive(Debug)]
pub(crate) enum EngineLookup {
    /// One that answers and is of this version.
    Engine(Client),
    /// One of another version.
    OtherVersion(Client),
    /// One that accepts connections, or has stopped doing so, and does not answer.
    Silent(EngineFile),
    /// One that reads back what was not written out, and answers then.
    Starting(EngineFile),
    /// `engine.json` names one that is not there.
    Stale(EngineFile),
    /// None, and no `engine.json`.
    None,
}

/// A running engine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    /// The beginning of every URL.
    base: String,
    /// Where it is.
    pub(crate) address: EngineFile,
}

/// Looks for the engine of the home of these settings.
pub(crate) fn find(settings: &Settings) -> EngineLookup {
    let client = Client::of(settings);
    match client.health() {
        Ok(Some(health)) => {
            let client = Client { address: address_of(&health), ..client };
            return if health.version == VERSION {
                EngineLookup::Engine(client)
            } else {
                EngineLookup::OtherVersion(client)
            };
        }
        Err(ureq::Error::Timeout(_)) => return EngineLookup::Silent(read_address(&settings.home).unwrap_or_default()),
        Ok(None) | Err(_) => {}
    }
    let Some(address) = read_address(&settings.home) else { return EngineLookup::None };
    if address.starting && lives(&address) {
        return EngineLookup::Starting(address);
    }
    without_socket(&address).map_or(EngineLookup::Stale(address), EngineLookup::OtherVersion)
}

/// An engine from before there were sockets: one that is alive and answers with its process id at its TCP address.
/// It is shown no token.
fn without_socket(address: &EngineFile) -> Option<Client> {
    if !address.socket.is_empty() {
        return None;
    }
    let agent = ureq::Agent::new_with_config(config());
    let client = Client { agent, base: format!("http://{}", address.http), address: address.clone() };
    let health = client.health().ok().flatten().filter(|health| health.pid == address.pid && lives(address))?;
    Some(Client { address: address_of(&health), ..client })
}

fn address_of(health: &Health) -> EngineFile {
    let Listeners { http, otlp_grpc, otlp_http } = health.listeners.clone();
    let (version, pid, started_unix_nanos) = (health.version.clone(), health.pid, health.started_unix_nanos);
    EngineFile { version, pid, http, otlp_grpc, otlp_http, started_unix_nanos, ..EngineFile::default() }
}

/// What to say of an engine that does not answer.
pub(crate) fn silent(address: &EngineFile) -> String {
    let EngineFile { pid, http, .. } = address;
    if *pid == 0 {
        return "the engine accepts connections and does not answer: it is stopped, or has too much to do".to_owned();
    }
    format!(
        "the engine (process {pid}) does not answer at {http}: it is stopped, or has too much to do. If it does not \
         come back, `kill -9 {pid}` ends it, nothing acknowledged is lost, and the next command starts another"
    )
}

/// What `engine.json` says, if there is a readable one.
fn read_address(home: &Path) -> Option<EngineFile> {
    serde_json::from_slice(&fs::read(home.join(ENGINE_FILE)).ok()?).ok()
}

/// Where the engine of `home` says that it is, if that process lives: it may not answer yet.
pub(crate) fn announced(home: &Path) -> Option<EngineFile> {
    read_address(home).filter(lives)
}

/// Whether the process that a file names lives, and is this user's: signalling another's is refused.
pub(crate) fn lives(address: &EngineFile) -> bool {
    Pid::from_raw(address.pid.cast_signed()).is_some_and(|process| test_kill_process(process).is_ok())
}

fn config() -> ureq::config::Config {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .max_idle_connections(0)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_write(Some(PAUSE_MAX))
        .timeout_per_read(Some(QUESTION_TIMEOUT))
        .build()
}

/// The part of any answer that says what it lacks.
#[derive(Deserialize)]
struct Lacking {
    damage: Option<Damage>,
}

impl Client {
    /// A client of whatever answers for the home of these settings.
    fn of(settings: &Settings) -> Self {
        let places = SocketPlaces::of(&settings.home, settings.runtime.as_deref());
        let agent = transport::agent(config(), places);
        Self { agent, base: OVER_THE_SOCKET.to_owned(), address: EngineFile::default() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What `/healthz` answers; `None` where something else answers there.
    fn health(&self) -> Result<Option<Health>, ureq::Error> {
        let request = self.agent.get(self.url("/healthz")).config().timeout_global(Some(HEALTH_TIMEOUT)).build();
        let mut response = request.call()?;
        if response.status() != 200 {
            return Ok(None);
        }
        match response.body_mut().read_json() {
            Ok(health) => Ok(Some(health)),
            Err(error @ ureq::Error::Timeout(_)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Asks a typed question.
    ///
    /// # Errors
    /// The engine's own, or that it cannot be reached.
    pub(crate) fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Problem> {
        let body = serde_json::to_vec(question).map_err(|error| Problem::internal(&error))?;
        let answer = self.post(Q::NAME, "application/json", Arc::new(body))?;
        if let Ok(Lacking { damage: Some(damage) }) = serde_json::from_slice(&answer) {
            output::answers_lack(damage);
        }
        serde_json::from_slice(&answer).map_err(|error| Problem::internal(&error))
    }

    /// Hands over one file's bytes to read in.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(crate) fn import(&self, bytes: &Arc<Vec<u8>>) -> Result<kino_wire::admin::Import, Problem> {
        let answer = self.post("import", "application/octet-stream", Arc::clone(bytes))?;
        serde_json::from_slice(&answer).map_err(|error| Problem::internal(&error))
    }

    /// Asks for an export, whose body is streamed into `out`. Returns how many bytes it was.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(crate) fn export(
        &self,
        question: &kino_wire::export::ExportQuestion,
        out: &mut dyn std::io::Write,
    ) -> Result<u64, Problem> {
        let body = serde_json::to_vec(question).map_err(|error| Problem::internal(&error))?;
        let mut bytes = 0;
        let exported = self.exchange("export", "application/json", Arc::new(body), |piece| {
            bytes += piece.len() as u64;
            out.write_all(&piece).map_err(|error| Problem::io(&error))
        });
        match exported {
            Err(Problem { message, .. }) if bytes > 0 => {
                // Where the engine found damage on the way, its next answer says so.
                drop(self.ask(&StatusQuestion {}));
                let message = format!(
                    "the export broke off ({message}): what was written is not all. Exporting again gives the rest"
                );
                Err(Problem::new(ProblemKind::Internal, message))
            }
            exported => exported.map(|()| bytes),
        }
    }

    /// Posts to `/api/v1/NAME` and reads the whole answer.
    fn post(&self, name: &str, content_type: &'static str, body: Arc<Vec<u8>>) -> Result<Vec<u8>, Problem> {
        let mut whole = Vec::new();
        self.exchange(name, content_type, body, |piece| {
            if whole.len() + piece.len() > ANSWER_BYTES_MAX {
                let message = format!("the answer to {name} has more than {ANSWER_BYTES_MAX} bytes; narrow it down");
                return Err(Problem::invalid(message));
            }
            whole.extend_from_slice(&piece);
            Ok(())
        })?;
        Ok(whole)
    }

    /// Posts to `/api/v1/NAME` and hands over the answer piece by piece, for as long as the engine says that it is well.
    ///
    /// The exchange has a thread of its own, because nothing can interrupt it: one that is given up ends with its own
    /// timeouts, or with this process.
    fn exchange(
        &self,
        name: &str,
        content_type: &'static str,
        body: Arc<Vec<u8>>,
        mut take: impl FnMut(Vec<u8>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let (sender, pieces) = sync_channel(PIECES_WAITING_MAX);
        let (client, name) = (self.clone(), name.to_owned());
        let run = move || {
            if let Err(problem) = client.send(&name, content_type, &body, &sender) {
                // Fails only where the receiver is gone.
                sender.send(Err(problem)).ok();
            }
        };
        thread::Builder::new().name("question".to_owned()).spawn(run).map_err(|error| Problem::io(&error))?;
        let mut silent_checks = 0;
        loop {
            match pieces.recv_timeout(HEALTH_EVERY) {
                Ok(piece) => take(piece?)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if self.health().is_ok() => silent_checks = 0,
                Err(RecvTimeoutError::Timeout) => {
                    silent_checks += 1;
                    if silent_checks == SILENT_CHECKS_MAX {
                        return Err(self.silent());
                    }
                }
            }
        }
    }

    /// Sends a request, and its answer's pieces to `pieces` until the receiver is gone.
    fn send(
        &self,
        name: &str,
        content_type: &str,
        body: &[u8],
        pieces: &SyncSender<Result<Vec<u8>, Problem>>,
    ) -> Result<(), Problem> {
        let request = self.agent.post(self.url(&format!("/api/v1/{name}"))).header("content-type", content_type);
        let mut response = request.send(body).map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(REFUSAL_BYTES_MAX).read_to_vec().unwrap_or_default();
            return Err(problem(name, status, &body));
        }
        if let Some(damage) = response.headers().get(DAMAGE_HEADER)
            && let Ok(damage) = serde_json::from_slice(damage.as_bytes())
        {
            output::answers_lack(damage);
        }
        let mut reader = response.body_mut().as_reader();
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let length = reader.read(&mut piece).map_err(|error| self.unreachable(&error.into()))?;
            piece.truncate(length);
            if length == 0 || pieces.send(Ok(piece)).is_err() {
                return Ok(());
            }
        }
    }

    fn silent(&self) -> Problem {
        Problem::new(ProblemKind::Internal, silent(&self.address))
    }

    fn unreachable(&self, error: &ureq::Error) -> Problem {
        if let ureq::Error::Timeout(_) = error {
            return self.silent();
        }
        let message =
            format!("the engine (process {}) does not answer: {error}. `kino doctor` finds out why", self.address.pid);
        Problem::new(ProblemKind::Internal, message)
    }
}

/// Decodes an engine's refusal; from a body that is no problem, makes one of the status and the text.
fn problem(name: &str, status: u16, body: &[u8]) -> Problem {
    if let Ok(problem) = serde_json::from_slice(body) {
        return problem;
    }
    let kind = match status {
        400 => ProblemKind::Invalid,
        404 => ProblemKind::NotFound,
        429 | 503 => ProblemKind::Busy,
        501 => ProblemKind::Unavailable,
        _ => ProblemKind::Internal,
    };
    let body = String::from_utf8_lossy(body);
    let shown: String = body.trim().chars().take(300).collect();
    Problem {
        kind,
        message: format!("the engine answered {name} with status {status}: {shown}"),
        did_you_mean: vec![],
        candidates: vec![],
    }
}

impl Backend for Client {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let (client, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            let exchange = tokio::task::spawn_blocking(move || {
                let body = serde_json::to_vec(&question).map_err(|error| Problem::internal(&error))?;
                let answer = client.post(&name, "application/json", Arc::new(body))?;
                serde_json::from_slice(&answer).map_err(|error| Problem::internal(&error))
            });
            exchange.await.map_err(|error| Problem::internal(&error))?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(home: &Path) -> Settings {
        Settings { home: home.to_owned(), runtime: None, ..Settings::for_tests() }
    }

    #[test]
    fn a_home_without_an_engine_is_distinguished_from_one_with_a_dead_engine() {
        let home = tempfile::tempdir().unwrap();
        let settings = settings(home.path());
        assert!(matches!(find(&settings), EngineLookup::None));
        // A port that was free a moment ago and on which nothing listens.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            r#"{{"version":"{VERSION}","pid":1,"http":"127.0.0.1:{port}","otlp_grpc":"","otlp_http":"","started_unix_nanos":0,"token":""}}"#
        );
        fs::write(home.path().join(ENGINE_FILE), text).unwrap();
        assert!(matches!(find(&settings), EngineLookup::Stale(address) if address.pid == 1));
    }

    #[test]
    fn an_engine_that_reads_its_log_back_is_distinguished_from_one_that_died_then() {
        let home = tempfile::tempdir().unwrap();
        let settings = settings(home.path());
        let mut address = EngineFile { pid: std::process::id(), starting: true, ..EngineFile::default() };
        let write = |address: &EngineFile| {
            fs::write(home.path().join(ENGINE_FILE), serde_json::to_vec(address).unwrap()).unwrap();
        };
        write(&address);
        assert!(matches!(find(&settings), EngineLookup::Starting(found) if found == address));
        // No process has the largest number that there is.
        address.pid = i32::MAX.cast_unsigned();
        address.socket = "engine.sock".to_owned();
        write(&address);
        assert!(matches!(find(&settings), EngineLookup::Stale(found) if found == address));
    }

    #[test]
    fn a_silent_engine_is_distinguished_from_one_that_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let settings = settings(home.path());
        // Accepts, as the system does for it, and never answers.
        let _listener = std::os::unix::net::UnixListener::bind(home.path().join("engine.sock")).unwrap();
        let address = EngineFile { version: VERSION.to_owned(), pid: 1, ..EngineFile::default() };
        fs::write(home.path().join(ENGINE_FILE), serde_json::to_vec(&address).unwrap()).unwrap();
        assert!(matches!(find(&settings), EngineLookup::Silent(found) if found == address));
        let client = Client { address, ..Client::of(&settings) };
        let problem = client.ask(&kino_wire::admin::StatusQuestion {}).unwrap_err();
        assert!(problem.message.contains("kill -9 1"), "{}", problem.message);
    }

    #[test]
    fn refusals_keep_the_engines_words() {
        let theirs = br#"{"kind":"not_found","message":"no such trace","did_you_mean":["a"]}"#;
        assert_eq!(problem("open", 404, theirs), Problem::not_found("no such trace", vec!["a".to_owned()]));
        let foreign = problem("open", 429, b"slow down");
        assert_eq!(foreign.kind, ProblemKind::Busy);
        assert!(foreign.message.contains("slow down"));
    }
}
