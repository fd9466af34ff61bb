//! Asks an engine over HTTP: finds it by the address in its home, makes sure that it is the one, and speaks JSON.
//!
//! An engine is never looked for at default ports: another user's, or another home's, may answer there.

use std::fs;
use std::path::Path;
use std::time::Duration;

use kino_wire::admin::{EngineFile, Health, StatusQuestion};
use kino_wire::ask::Asked;
use kino_wire::export::DAMAGE_HEADER;
use kino_wire::{Backend, Damage, Problem, ProblemKind, Question};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::output;

/// The file of the home in which a running engine says where it is.
pub(crate) const ENGINE_FILE: &str = "engine.json";
/// The version that client and engine must share.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long an engine may take to say that it is well.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a question may take. Long, because an engine bounds its own work and says so.
const QUESTION_TIMEOUT: Duration = Duration::from_mins(5);
/// The largest answer that is read: beyond anything that an engine's own limits allow.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// What became of looking for an engine.
#[derive(Debug)]
pub(crate) enum Found {
    /// One that answers and is of this version.
    Engine(Client),
    /// One of another version.
    OtherVersion(EngineFile),
    /// `engine.json` names one that does not answer.
    Stale(EngineFile),
    /// No `engine.json`.
    None,
}

/// A running engine.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    /// Where it is.
    pub(crate) address: EngineFile,
}

/// Looks for the engine of `home`.
pub(crate) fn find(home: &Path) -> Found {
    let Some(address) = read_address(home) else { return Found::None };
    let client = Client { agent: agent(), address: address.clone() };
    match client.health() {
        Some(health) if health.pid != address.pid => Found::Stale(address),
        Some(health) if health.version != VERSION => {
            Found::OtherVersion(EngineFile { version: health.version, ..address })
        }
        Some(_) => Found::Engine(client),
        None => Found::Stale(address),
    }
}

/// What `engine.json` says, if there is a readable one.
pub(crate) fn read_address(home: &Path) -> Option<EngineFile> {
    serde_json::from_slice(&fs::read(home.join(ENGINE_FILE)).ok()?).ok()
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_global(Some(QUESTION_TIMEOUT))
            .build(),
    )
}

/// The part of any answer that says what it lacks.
#[derive(Deserialize)]
struct Lacking {
    damage: Option<Damage>,
}

impl Client {
    /// A client of the engine at `address`, unverified.
    pub(crate) fn at(address: EngineFile) -> Self {
        Self { agent: agent(), address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address.http)
    }

    fn health(&self) -> Option<Health> {
        let request = self.agent.get(self.url("/healthz")).config().timeout_global(Some(HEALTH_TIMEOUT)).build();
        let mut response = request.call().ok()?;
        if response.status() == 200 { response.body_mut().read_json().ok() } else { None }
    }

    /// Asks a typed question.
    ///
    /// # Errors
    /// The engine's own, or that it cannot be reached.
    pub(crate) fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Problem> {
        let body = serde_json::to_vec(question).map_err(|error| Problem::internal(&error))?;
        let answer = self.post(Q::NAME, "application/json", &body)?;
        if let Ok(Lacking { damage: Some(damage) }) = serde_json::from_slice(&answer) {
            output::answers_lack(damage);
        }
        serde_json::from_slice(&answer).map_err(|error| Problem::internal(&error))
    }

    /// Hands over one file's bytes to read in.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub(crate) fn import(&self, bytes: &[u8]) -> Result<kino_wire::admin::Import, Problem> {
        let answer = self.post("import", "application/octet-stream", bytes)?;
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
        let mut response = self.send("export", "application/json", &body)?;
        if let Some(damage) = response.headers().get(DAMAGE_HEADER)
            && let Ok(damage) = serde_json::from_slice(damage.as_bytes())
        {
            output::answers_lack(damage);
        }
        std::io::copy(&mut response.body_mut().as_reader(), out).map_err(|error| {
            // Where the engine found damage on the way, its next answer says so.
            drop(self.ask(&StatusQuestion {}));
            let Problem { message, .. } = Problem::internal(&error);
            let message = format!(
                "the export broke off ({message}): what was written is not all. Exporting again gives the rest"
            );
            Problem { kind: ProblemKind::Internal, message, did_you_mean: Vec::new() }
        })
    }

    /// Posts to `/api/v1/NAME` and reads the whole answer.
    fn post(&self, name: &str, content_type: &str, body: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut response = self.send(name, content_type, body)?;
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        read.map_err(|error| self.unreachable(&error))
    }

    fn send(&self, name: &str, content_type: &str, body: &[u8]) -> Result<ureq::http::Response<ureq::Body>, Problem> {
        let mut request = self.agent.post(self.url(&format!("/api/v1/{name}"))).header("content-type", content_type);
        if !self.address.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.address.token));
        }
        let mut response = request.send(body).map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().unwrap_or_default();
        Err(problem(name, status, &body))
    }

    fn unreachable(&self, error: &ureq::Error) -> Problem {
        let message =
            format!("the engine at {} does not answer: {error}. `kino doctor` finds out why", self.address.http);
        Problem { kind: ProblemKind::Internal, message, did_you_mean: Vec::new() }
    }
}

/// An engine's refusal; anything that is not in its words keeps what can be kept.
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
    Problem { kind, message: format!("the engine answered {name} with status {status}: {shown}"), did_you_mean: vec![] }
}

impl Backend for Client {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let (client, name) = (self.clone(), name.to_owned());
        Box::pin(async move {
            let exchange = tokio::task::spawn_blocking(move || {
                let body = serde_json::to_vec(&question).map_err(|error| Problem::internal(&error))?;
                let answer = client.post(&name, "application/json", &body)?;
                serde_json::from_slice(&answer).map_err(|error| Problem::internal(&error))
            });
            exchange.await.map_err(|error| Problem::internal(&error))?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_without_an_engine_and_a_dead_one_are_told_apart() {
        let home = tempfile::tempdir().unwrap();
        assert!(matches!(find(home.path()), Found::None));
        // A port that was free a moment ago and that nobody listens on.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            r#"{{"version":"{VERSION}","pid":1,"http":"127.0.0.1:{port}","otlp_grpc":"","otlp_http":"","started_unix_nanos":0,"token":""}}"#
        );
        fs::write(home.path().join(ENGINE_FILE), text).unwrap();
        assert!(matches!(find(home.path()), Found::Stale(address) if address.pid == 1));
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
