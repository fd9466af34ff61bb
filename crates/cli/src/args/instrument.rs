//! Arguments of `instrument`.

use clap::{Args, ValueEnum};

/// Languages into whose programs nothing can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust: axum, actix-web, or any program.
    Rust,
    /// Go: net/http, gin, chi, echo, or any program.
    Go,
}

/// Arguments of `instrument`.
#[derive(Debug, Args)]
#[command(after_help = "\
Python and Node programs need none of it: `kino run` records them as they are.

Examples:
  kino instrument rust
  kino instrument go --json")]
pub(crate) struct Instrument {
    /// What the program in this directory is written in.
    #[arg(value_enum)]
    pub(crate) language: Language,
}
