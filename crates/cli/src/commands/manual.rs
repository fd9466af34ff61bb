//! `man`: manual pages, made from the same words as `--help`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_mangen::Man;
use serde::Serialize;

use crate::app::{App, Outcome};
use crate::args::{self, Arguments};
use crate::failure::Failure;

/// `kino.man.v1`.
#[derive(Serialize)]
struct Written {
    schema: &'static str,
    /// The pages that were written.
    pages: Vec<PathBuf>,
}

/// Prints the page of `kino`, or writes all.
pub(super) fn run(app: &App, arguments: &args::Man) -> Outcome {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = &arguments.out else {
        app.output.bytes(&page(&command)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder).map_err(|error| Failure::because(folder.display(), &error))?;
    let mut written = Written { schema: "kino.man.v1", pages: Vec::new() };
    write_all(&command, "kino", folder, &mut written.pages)?;
    app.output
        .answer(&written, |_| format!("{} manual pages in {}", written.pages.len(), crate::render::path(folder)))?;
    Ok(ExitCode::SUCCESS)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(|error| Failure::because("writing a manual page", &error))?;
    Ok(page)
}

fn write_all(command: &clap::Command, name: &str, folder: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page(command)?).map_err(|error| Failure::because(path.display(), &error))?;
    pages.push(path);
    let below = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    below
        .into_iter()
        .try_for_each(|command| write_all(command, &format!("{name}-{}", command.get_name()), folder, pages))
}
