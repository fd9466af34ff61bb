//! The report: a table on the terminal, and a page.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::figures::{Figure, thousands};

/// All figures of one run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    /// The arguments of this run, each after a space.
    arguments: String,
    spans: u64,
    figures: Vec<Figure>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(machine: String, spans: u64) -> Self {
        let arguments = std::env::args().skip(1).fold(String::new(), |all, argument| all + " " + &argument);
        Self { machine, arguments, spans, figures: Vec::new() }
    }

    /// Adds a figure, and prints it at once: a run takes minutes, and may fail on its way.
    pub(crate) fn add(&mut self, figure: Figure) -> std::io::Result<()> {
        writeln!(std::io::stderr(), "{}: {}", figure.what, figure.measured)?;
        self.figures.push(figure);
        Ok(())
    }

    /// Adds figures.
    pub(crate) fn extend(&mut self, figures: Vec<Figure>) -> std::io::Result<()> {
        figures.into_iter().try_for_each(|figure| self.add(figure))
    }

    /// The figures as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from("| what | goal | measured | met |\n|---|---|---|---|\n");
        for figure in &self.figures {
            let met = match figure.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "**no**",
            };
            writeln!(table, "| {} | {} | {} | {met} |", figure.what, figure.goal, figure.measured)
                .expect("writing to memory does not fail");
        }
        table
    }

    /// Adds a table to a page that is there.
    pub(crate) fn add_to(&self, path: &Path) -> anyhow::Result<()> {
        let page = std::fs::read_to_string(path)?;
        let title = format!("Of `cargo xtask bench{}`, over at least {} spans", self.arguments, thousands(self.spans));
        std::fs::write(path, format!("{}\n\n{title}:\n\n{}", page.trim_end(), self.table()))?;
        Ok(())
    }

    /// Writes the whole page.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let page = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench{}`; every figure is of that one run, misses included.\n\n**Machine**: {}\n\n**Data**: at least {} spans of a made-up shop (`crates/testkit`: twelve \
             services, HTTP, SQL, RPC, messaging and GenAI spans, 3 to 60 spans a trace), sent over OTLP/HTTP by two \
             connections from the same machine; ids and times are fresh throughout, other values repeat about every 133,000 \
             spans.\n\n{}",
            self.arguments,
            self.machine,
            thousands(self.spans),
            self.table()
        );
        std::fs::write(path, page)?;
        Ok(())
    }
}
