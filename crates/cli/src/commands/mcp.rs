//! `mcp`: the assistant's tools on standard input and output, asked of the engine over HTTP.

use std::process::ExitCode;
use std::sync::Arc;

use kino_agents::Agent;
use kino_mcp::Listener;

use super::sql::{self, Runner};
use super::verifier::Verifier;
use crate::app::{App, Outcome};
use crate::failure::Failure;
use crate::heard;

/// Notes which assistant speaks.
fn listener(app: &App) -> Listener {
    let home = app.settings.home.clone();
    Arc::new(move |name| {
        if let Some(agent) = Agent::of_client(name) {
            heard::note(&home, agent, heard::Channel::Mcp);
        }
    })
}

/// Serves until the client hangs up.
pub(super) fn run(app: &App) -> Outcome {
    let client = app.engine()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::because("starting a runtime", &error))?;
    let mut server = kino_mcp::Server::new(Arc::new(client), Arc::clone(&app.clock))
        .with_directory(app.settings.directory.clone())
        .with_search()
        .with_listener(listener(app))
        .with_verifier(Arc::new(Verifier::new(&app.settings)));
    if sql::find(&app.settings).is_some() {
        server = server.with_sql(Arc::new(Runner::new(&app.settings)));
    }
    let served = runtime.block_on(kino_mcp::stdio(server));
    // Reading standard input cannot be cancelled; there is nothing left to wait for.
    runtime.shutdown_background();
    served.map_err(|error| Failure::because("serving MCP", &error))?;
    Ok(ExitCode::SUCCESS)
}
