//! `key`: makes, lists and revokes keys. It writes the home's file of them, which a running engine reads by itself.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use kino_server::{KeyError, StoredKey, keys};
use kino_text::time;
use kino_wire::Access;
use serde::Serialize;

use crate::app::{App, Outcome};
use crate::failure::{Failure, code};
use crate::render::table::Table;
use crate::render::{Style, Tone};
use crate::{home, output};

/// Commands under `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key and print it, this once: only its hash is stored.
    New {
        /// Whose it is: letters, digits, and any of `-_.@`.
        name: String,
        /// What it allows. May be repeated.
        #[arg(long, value_enum, value_delimiter = ',', default_value = "read")]
        scope: Vec<KeyScope>,
    },
    /// List the keys.
    List,
    /// Make a key worthless, at once.
    Revoke {
        /// Whose it is.
        name: String,
    },
}

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyScope {
    /// Sending from other machines: OTLP, imports, runs.
    Ingest,
    /// Asking, over REST and MCP.
    Read,
    /// Acknowledging findings.
    Write,
    /// Everything: forgetting, stopping and executing too.
    Admin,
}

impl From<KeyScope> for Access {
    fn from(scope: KeyScope) -> Self {
        match scope {
            KeyScope::Ingest => Self::Ingest,
            KeyScope::Read => Self::Read,
            KeyScope::Write => Self::Write,
            KeyScope::Admin => Self::Admin,
        }
    }
}

#[derive(Serialize)]
struct CreatedKey<'a> {
    schema: &'static str,
    name: &'a str,
    scopes: &'a [Access],
    key: &'a str,
}

#[derive(Serialize)]
struct Listed {
    schema: &'static str,
    keys: Vec<ListedKey>,
}

#[derive(Serialize)]
struct ListedKey {
    name: String,
    scopes: Vec<Access>,
    /// `null` for a key of `config.toml`.
    created_unix_nanos: Option<i64>,
}

#[derive(Serialize)]
struct Revoked<'a> {
    schema: &'static str,
    name: &'a str,
}

/// Does what was asked.
pub(super) fn run(app: &App, command: &Key) -> Outcome {
    match command {
        Key::New { name, scope } => make(app, name, scope),
        Key::List => list(app),
        Key::Revoke { name } => revoke(app, name),
    }
}

fn make(app: &App, name: &str, scopes: &[KeyScope]) -> Outcome {
    for said in home::prepare(&app.settings.home)? {
        output::note(&format!("kino: {said}"));
    }
    if app.settings.engine.keys.iter().any(|key| key.name == name) {
        return Err(failure(&KeyError::Taken(name.to_owned())));
    }
    let mut allowed: Vec<Access> = Vec::new();
    for scope in scopes.iter().copied().map(Access::from) {
        if !allowed.contains(&scope) {
            allowed.push(scope);
        }
    }
    let key = keys::create(&app.settings.home, name, &allowed, app.now().0).map_err(|error| failure(&error))?;
    let made = CreatedKey { schema: "kino.key.v1", name, scopes: &allowed, key: &key };
    app.output.answer(&made, |_| {
        format!("{key}\n\nSend it as `Authorization: Bearer KEY`. It is not shown again: only its hash is stored.")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn list(app: &App) -> Outcome {
    let stored = keys::list(&app.settings.home).map_err(|error| failure(&error))?;
    let stored = stored.into_iter().map(|StoredKey { name, scopes, created_unix_nanos, .. }| ListedKey {
        name,
        scopes,
        created_unix_nanos: Some(created_unix_nanos),
    });
    let configured = app.settings.engine.keys.iter();
    let configured = configured.map(|key| ListedKey {
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        created_unix_nanos: None,
    });
    let listed = Listed { schema: "kino.keys.v1", keys: configured.chain(stored).collect() };
    app.output.answer(&listed, |style| table(app, &listed.keys, style))?;
    Ok(ExitCode::SUCCESS)
}

fn table(app: &App, keys: &[ListedKey], style: Style) -> String {
    if keys.is_empty() {
        return "There are no keys: `kino key new NAME` makes one.".to_owned();
    }
    let mut table = Table::new(style, &["!name", "allows", "made"]);
    for key in keys {
        let scopes: Vec<_> = key.scopes.iter().map(|scope| format!("{scope:?}").to_lowercase()).collect();
        let made = key.created_unix_nanos.map_or_else(|| "in config.toml".to_owned(), |at| time::ago(at, app.now()));
        table.row(&[
            (&crate::render::clean(&key.name), Tone::Plain),
            (&scopes.join(", "), Tone::Plain),
            (&made, Tone::Faint),
        ]);
    }
    table.finish()
}

fn revoke(app: &App, name: &str) -> Outcome {
    if !keys::revoke(&app.settings.home, name).map_err(|error| failure(&error))? {
        let configured = app.settings.engine.keys.iter().any(|key| key.name == name);
        let place =
            if configured { "; it is in config.toml: take it out there" } else { ": `kino key list` lists them" };
        return Err(Failure::new(code::NOT_FOUND, format!("`kino key` made no key {name:?}{place}")));
    }
    let revoked = Revoked { schema: "kino.key_revoked.v1", name };
    app.output.answer(&revoked, |_| format!("The key {name} opens nothing any more."))?;
    Ok(ExitCode::SUCCESS)
}

fn failure(error: &KeyError) -> Failure {
    let code = match error {
        KeyError::Name(_) | KeyError::Taken(_) | KeyError::TooMany => code::WRONG,
        _ => code::FAILED,
    };
    Failure::new(code, error.to_string())
}
