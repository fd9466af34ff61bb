//! Long text on a terminal, page by page, by the program that the user chose for it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::config::variable;

/// The program where none is chosen.
const USUAL: &str = "less";
/// Its options where the user gave none: it ends at once on short text, passes colours, and leaves the text behind.
const LESS: &str = "FRX";

/// Shows text, and returns whether a pager did: `KINO_PAGER`, else `PAGER`; an empty one is none.
pub(super) fn show(text: &str) -> bool {
    let chosen = variable("KINO_PAGER").or_else(|| variable("PAGER")).unwrap_or_else(|| USUAL.into());
    if chosen.is_empty() || chosen == "cat" {
        return false;
    }
    // Ctrl-C is the pager's: it stops a search there, and must not end this process before it.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return false };
    let _listening = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
    };
    let mut command = Command::new("sh");
    // The user's own line of shell, as everywhere else that PAGER is read. The text is only its input.
    command.arg("-c").arg(chosen).stdin(Stdio::piped());
    if variable("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let Ok(mut pager) = command.spawn() else { return false };
    if let Some(mut input) = pager.stdin.take() {
        // A pager that is left early does not read the rest.
        input.write_all(text.as_bytes()).ok();
    }
    // 127: there is no such program.
    pager.wait().is_ok_and(|status| status.code() != Some(127))
}
