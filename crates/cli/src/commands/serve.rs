//! `serve`: the engine in the foreground, or, started by another command, in the background.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use kino_engine::config::{Forward, SyncKind};
use kino_mcp::SqlRunner;
use kino_server::{Programs, RunningServer, ServeError, ServerConfig};
use rustix::fs::Mode;
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;

use super::sql::{self, Runner};
use super::verifier::Verifier;
use crate::app::{App, Outcome};
use crate::args::Serve;
use crate::client::VERSION;
use crate::config::Settings;
use crate::failure::{Failure, code};
use crate::output::{self, Output};
use crate::{headers, home};

#[derive(Serialize)]
struct Ready<'a> {
    schema: &'static str,
    version: &'static str,
    pid: u32,
    home: String,
    listeners: &'a kino_wire::admin::Listeners,
}

/// Serves until a signal or a request stops it.
pub(super) fn run(app: &App, arguments: Serve) -> Outcome {
    // What cannot be written to a full disk must not end the thread that says it, as a message about that would.
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_ansi(false).with_writer(io::stderr);
    log.log_internal_errors(false).init();
    crate::allocator::keep_small();
    for said in home::prepare(&app.settings.home)? {
        output::note(&format!("kino: {said}"));
    }
    // Whatever the engine writes, wherever the lake is, is for its user alone; what it executes is not its own.
    let umask = rustix::process::umask(Mode::from_raw_mode(0o077));
    let mut config = app.settings.engine.clone();
    let listen = &mut config.listen;
    listen.addr = arguments.addr.or(listen.addr.take());
    listen.otlp_grpc = arguments.otlp_grpc.or(listen.otlp_grpc.take());
    listen.otlp_http = arguments.otlp_http.or(listen.otlp_http.take());
    config.lake = arguments.lake.or(config.lake.take());
    config.sync.policy = arguments.sync.map_or(config.sync.policy, SyncKind::from);
    forward(&mut config.forward, arguments.forward, arguments.forward_insecure, &app.settings)?;
    let runtime = app.settings.runtime.clone();
    let config = ServerConfig { engine: config, version: VERSION.to_owned(), runtime, signals: true };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("starting a runtime", &error))?;
    let served = runtime.block_on(async {
        let programs = Programs {
            sql: sql::find(&app.settings).map(|_| Arc::new(Runner::new(&app.settings)) as Arc<dyn SqlRunner>),
            verifier: Some(Arc::new(Verifier::new(&app.settings).with_umask(umask))),
        };
        let running = kino_server::serve_with_programs(config, Arc::clone(&app.clock), programs).await;
        let running = running.map_err(|error| failure(&error))?;
        match ready(app, &running) {
            // The command that started it finds its socket; the log may be on a full disk.
            Err(failure) if arguments.detached => tracing::warn!("the log was not written: {failure}"),
            said => said?,
        }
        running.wait().await.map_err(|error| failure(&error))
    });
    // No client waits for work that still runs; the store is closed.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// Adds what the command line and the environment say of passing on. Headers of the file are for its endpoint alone.
fn forward(forward: &mut Forward, url: Option<String>, insecure: bool, settings: &Settings) -> Result<(), Failure> {
    if let Some(url) = url.filter(|url| forward.url.as_ref() != Some(url)) {
        *forward = Forward { url: Some(url), log_bytes_max: forward.log_bytes_max, ..Forward::default() };
    }
    forward.insecure |= insecure;
    if let Some(text) = &settings.forward_headers {
        let wrong = |why| Failure::new(code::WRONG, format!("KINO_FORWARD_HEADERS: {why}"));
        let own = headers::parse(text).map_err(wrong)?;
        let file: Vec<_> = forward.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let is_replaced = |name: &str| own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let left = file.into_iter().filter(|(name, _)| !is_replaced(name));
        forward.headers = left.chain(own.iter().cloned()).collect();
    }
    Ok(())
}

/// Prints one line on standard output, for which the program that started the engine may wait.
fn ready(app: &App, running: &RunningServer) -> Result<(), Failure> {
    for note in &running.notes {
        output::note(&format!("kino: {note}"));
    }
    let listeners = &running.listeners;
    let ready = Ready {
        schema: "kino.serve.v1",
        version: VERSION,
        pid: std::process::id(),
        home: app.settings.home.display().to_string(),
        listeners,
    };
    let plain = Output::plain(app.output.json);
    plain.answer(&ready, |_| {
        format!(
            "kino {VERSION} is ready: OTLP gRPC {}, OTLP HTTP {}, REST and MCP http://{}",
            listeners.otlp_grpc, listeners.otlp_http, listeners.http
        )
    })
}

fn failure(error: &ServeError) -> Failure {
    let failure = Failure::because("the engine", error);
    match error {
        taken if taken.is_taken() => Failure::new(code::TRY_AGAIN, failure.message),
        _ => Failure::no_engine(failure.message),
    }
}
