//! What sets the command itself up: settings, completion, manual pages.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What `config` shows.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every setting with its value, and whether that is the default or from config.toml.
    Show,
    /// Where config.toml is, or would be.
    Path,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Commands, options and their values are completed; so are operations, services, labels, and the ids of traces, runs and \
findings, while an engine runs.

Examples:
  kino completions --install        into your shell's own folder
  kino completions zsh --install
  source <(kino completions bash)   for this shell alone")]
pub(crate) struct Completions {
    /// The shell; by default the one that SHELL names.
    #[arg(value_enum)]
    pub(crate) shell: Option<clap_complete::Shell>,
    /// Write the script where the shell looks for it, and say where that is.
    #[arg(long)]
    pub(crate) install: bool,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kino man | man -l -
  kino man --out ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write the pages of `kino` and of each command into this folder instead.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}
