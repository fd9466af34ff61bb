//! `config`: settings as a table.

use serde_json::Value as Json;

use super::table::Table;
use super::{Style, Tone, clean, path};
use crate::commands::config::Config;

/// The settings, those of the file marked.
pub(crate) fn text(config: &Config, style: Style) -> String {
    let exists = if config.exists { "" } else { " (there is none: all settings have their defaults)" };
    let mut table = Table::new(style, &["!SETTING", "VALUE", "FROM"]);
    for setting in &config.settings {
        let value = match &setting.value {
            Json::Null => "–".to_owned(),
            value => clean(&value.to_string()).into_owned(),
        };
        let tone = if setting.from == "default" { Tone::Faint } else { Tone::Good };
        table.row(&[(&setting.name, Tone::Plain), (&value, Tone::Plain), (setting.from, tone)]);
    }
    format!("{}{exists}\n\n{}", path(&config.path), table.finish())
}
