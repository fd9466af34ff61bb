//! `config`: the settings in force, and where each comes from.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value as Json;

use crate::app::{App, Outcome};
use crate::args::ConfigCommand;
use crate::config::{self, Settings};
use crate::failure::Failure;
use crate::home::CONFIG_FILE;
use crate::output::Output;
use crate::render;

/// `kino.config.v1`.
#[derive(Serialize)]
pub(crate) struct Config {
    schema: &'static str,
    /// Where config.toml is, or would be.
    pub(crate) path: PathBuf,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// Every setting; absent where only the path was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) settings: Vec<Setting>,
}

#[derive(Serialize)]
pub(crate) struct Setting {
    /// Its name, with the name of its table before a dot.
    pub(crate) name: String,
    /// Its value; `null` where there is none.
    pub(crate) value: Json,
    /// `default`, or `config.toml`.
    pub(crate) from: &'static str,
}

/// Shows the settings.
pub(super) fn run(app: &App, command: ConfigCommand) -> Outcome {
    let config = match command {
        ConfigCommand::Path => found(Vec::new())?,
        ConfigCommand::Show => found(settings(&app.settings)?)?,
    };
    app.output.answer(&config, |style| render::config::text(&config, style))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints where config.toml is, whatever it says.
pub(crate) fn path(json: bool) -> Outcome {
    let config = found(Vec::new())?;
    Output::plain(json).answer(&config, |_| config.path.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn found(settings: Vec<Setting>) -> Result<Config, Failure> {
    let path = config::folder()?.join(CONFIG_FILE);
    Ok(Config { schema: "kino.config.v1", exists: path.exists(), path, settings })
}

fn settings(settings: &Settings) -> Result<Vec<Setting>, Failure> {
    let written = config::names_in_file(&settings.home)?;
    let in_force = serde_json::to_value(&settings.engine).map_err(|error| Failure::because("the settings", &error))?;
    let mut all = Vec::new();
    for (table, value) in in_force.as_object().into_iter().flatten() {
        match value {
            Json::Object(members) => all.extend(members.iter().map(|(name, value)| {
                let is_written = written.get(table).and_then(|table| table.get(name)).is_some();
                setting(format!("{table}.{name}"), value, is_written)
            })),
            value => all.push(setting(table.clone(), value, written.contains_key(table))),
        }
    }
    Ok(all)
}

fn setting(name: String, value: &Json, is_written: bool) -> Setting {
    Setting { name, value: value.clone(), from: if is_written { CONFIG_FILE } else { "default" } }
}
