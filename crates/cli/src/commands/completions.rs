//! `completions`: the script by which a shell asks this program, printed or installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap_complete::Shell;
use clap_complete::env::Shells;
use serde::Serialize;

use crate::app::{App, Outcome};
use crate::args::Completions;
use crate::completion::VARIABLE;
use crate::config::variable;
use crate::failure::{Failure, code};
use crate::render;

/// `kino.completions.v1`.
#[derive(Serialize)]
struct Completion {
    schema: &'static str,
    shell: String,
    script: String,
    /// Where it was installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    installed: Option<PathBuf>,
    /// What is left to do by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Prints or installs the script.
pub(super) fn run(app: &App, arguments: &Completions) -> Outcome {
    let Some(shell) = arguments.shell.or_else(Shell::from_env) else {
        return Err(Failure::new(code::WRONG, "SHELL names no shell that is known here: name one, such as bash"));
    };
    let script = script(shell)?;
    let mut answer =
        Completion { schema: "kino.completions.v1", shell: shell.to_string(), script, installed: None, next: None };
    if arguments.install {
        let (path, content, next) = place(shell)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(|error| Failure::because(folder.display(), &error))?;
        fs::write(&path, content).map_err(|error| Failure::because(path.display(), &error))?;
        (answer.installed, answer.next) = (Some(path), next);
    }
    app.output.answer(&answer, |_| match &answer.installed {
        None => answer.script.clone(),
        Some(path) => {
            let next = answer.next.as_deref().map(|next| format!("\n{next}")).unwrap_or_default();
            format!("{} completes kino from the next shell on: {}{next}", answer.shell, render::path(path))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// For bash a script of our own: the usual one knows nothing of words that bash has split.
const BASH: &str = include_str!("completions/bash.sh");

/// The script for a shell: it asks this program whenever something is to be completed.
fn script(shell: Shell) -> Result<String, Failure> {
    if shell == Shell::Bash {
        return Ok(BASH.to_owned());
    }
    let name = shell.to_string();
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(&name) else {
        return Err(Failure::new(code::WRONG, format!("{name} is not known here")));
    };
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, "kino", "kino", "kino", &mut script);
    written.map_err(|error| Failure::because("writing the script", &error))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Where a shell looks for the script of a command, the content of that file, and what else it takes. The file asks this
/// program for the script, which is therefore always that of the installed version.
fn place(shell: Shell) -> Result<(PathBuf, String, Option<String>), Failure> {
    let folder = |name: &str, otherwise: &str| match variable(name).filter(|value| !value.is_empty()) {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => match variable("HOME").filter(|home| !home.is_empty()) {
            Some(home) => Ok(Path::new(&home).join(otherwise)),
            None => Err(Failure::new(
                code::WRONG,
                format!("HOME is not set: write the script yourself, `kino completions {shell}`"),
            )),
        },
    };
    Ok(match shell {
        Shell::Bash => {
            let file = folder("XDG_DATA_HOME", ".local/share")?.join("bash-completion/completions/kino");
            let next = "the package bash-completion reads that folder; without it: source <(kino completions bash)";
            (file, "source <(kino completions bash)\n".to_owned(), Some(next.to_owned()))
        }
        Shell::Zsh => {
            let file = folder("ZDOTDIR", "")?.join(".zfunc/_kino");
            let next = "if .zshrc does not say so yet: fpath+=(${ZDOTDIR:-~}/.zfunc), before compinit";
            (file, "#compdef kino\nsource <(kino completions zsh)\n".to_owned(), Some(next.to_owned()))
        }
        Shell::Fish => {
            let file = folder("XDG_CONFIG_HOME", ".config")?.join("fish/completions/kino.fish");
            (file, "kino completions fish | source\n".to_owned(), None)
        }
        other => {
            let message = format!(
                "where {other} reads completions is not known here: add `kino completions {other}` to its profile"
            );
            return Err(Failure::new(code::WRONG, message));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_for_bash_asks_by_the_variable_that_is_answered() {
        assert!(BASH.contains(&format!(" {VARIABLE}=\"bash\"")), "{BASH}");
    }
}
