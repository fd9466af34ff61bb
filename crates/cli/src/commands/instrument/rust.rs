//! A Rust program: the package, its framework, and where it begins.

use std::path::{Path, PathBuf};

use super::{Advice, Edit, NewFile, line_with, place, read};
use crate::failure::{Failure, code};

/// What every program gets.
const TELEMETRY: &str = include_str!("telemetry.rs.txt");
/// What makes spans of axum's requests.
const AXUM: &str = include_str!("axum.rs.txt");
/// What makes spans of actix-web's requests.
const ACTIX: &str = include_str!("actix.rs.txt");
/// Crates in versions that fit together: the lines were compiled with them.
const COMMANDS: [&str; 6] = [
    "cargo add opentelemetry@0.33 --no-default-features --features trace",
    "cargo add opentelemetry_sdk@0.33 --no-default-features --features trace",
    "cargo add opentelemetry-otlp@0.33 --no-default-features --features http-proto,reqwest-blocking-client,trace",
    "cargo add tracing@0.1",
    "cargo add tracing-opentelemetry@0.34",
    "cargo add tracing-subscriber@0.3 --no-default-features --features registry",
];
/// How far up a package is looked for.
const PARENTS_MAX: usize = 32;

/// A framework: its crate, what is added to the file, where its application is made, and what goes there.
struct Framework {
    package: &'static str,
    text: &'static str,
    made_at: &'static [&'static str],
    line: &'static str,
}

const FRAMEWORKS: [Framework; 2] = [
    Framework {
        package: "axum",
        text: AXUM,
        made_at: &["Router::new()"],
        line: ".layer(axum::middleware::from_fn(telemetry::request))   // behind the last .route(…)",
    },
    Framework {
        package: "actix-web",
        text: ACTIX,
        made_at: &["App::new()"],
        line: ".wrap(actix_web::middleware::from_fn(telemetry::request))   // behind App::new(); needs actix-web 4.9",
    },
];

pub(super) fn advice(directory: &Path) -> Result<Advice, Failure> {
    let (folder, manifest) = package(directory)?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name: String =
        name.unwrap_or("app").chars().filter(|char| char.is_alphanumeric() || "-_".contains(*char)).collect();
    let depends_on = |package: &str| manifest.get("dependencies").and_then(|all| all.get(package)).is_some();
    let framework = FRAMEWORKS.iter().find(|framework| depends_on(framework.package));
    let main = main_file(&folder, &manifest);
    let source = read(&main).unwrap_or_default();
    let mut text = TELEMETRY.replace("NAME", &name);
    if let Some(framework) = framework {
        text = text
            .replace("use tracing_subscriber::Layer", "use tracing::Instrument as _;\nuse tracing_subscriber::Layer");
        text.push('\n');
        text.push_str(framework.text);
    }
    let mut advice = Advice {
        framework: framework.map(|framework| framework.package),
        commands: COMMANDS.map(str::to_owned).to_vec(),
        file: NewFile { path: "src/telemetry.rs".to_owned(), text },
        edits: vec![begin(&folder, &main, &source)],
        ..Advice::default()
    };
    if let Some(framework) = framework {
        let made = super::sources(&folder.join("src"), ".rs").into_iter().find_map(|path| {
            let (line, _) = line_with(&read(&path)?, framework.made_at)?;
            Some(place(&folder, &path, line))
        });
        let at = made.unwrap_or_else(|| format!("where the {} application is made", framework.package));
        advice.edits.push(Edit { at, lines: vec![framework.line.to_owned()] });
    }
    if let Some((line, _)) = line_with(&source, &["tracing_subscriber::"]) {
        advice.notes.push(format!(
            "{} sets a subscriber already, and a program has one: add `spans` of telemetry::start there with .with(…), \
             and leave its own .init() out",
            place(&folder, &main, line)
        ));
    }
    advice.notes.push("#[tracing::instrument] on a function makes a span of each call".to_owned());
    advice.notes.push("then: kino run -- cargo run".to_owned());
    Ok(advice)
}

/// What the entry point gets.
fn begin(folder: &Path, main: &Path, source: &str) -> Edit {
    let begins = line_with(source, &["fn main("]);
    let at = match begins {
        Some((line, _)) => place(folder, main, line),
        None => format!("{}: the first line of main", main.strip_prefix(folder).unwrap_or(main).display()),
    };
    let lines = ["mod telemetry;   // above", "let _telemetry = telemetry::start();   // the first line of main"];
    Edit { at, lines: lines.map(str::to_owned).to_vec() }
}

/// The nearest package at or above a directory, with its manifest.
fn package(directory: &Path) -> Result<(PathBuf, toml::Table), Failure> {
    for folder in directory.ancestors().take(PARENTS_MAX) {
        let Some(text) = read(&folder.join("Cargo.toml")) else { continue };
        let manifest: toml::Table =
            text.parse().map_err(|error| Failure::because(folder.join("Cargo.toml").display(), &error))?;
        if manifest.contains_key("package") {
            return Ok((folder.to_owned(), manifest));
        }
        let message = format!(
            "{} is a workspace without a package of its own: ask in the folder of the program",
            folder.display()
        );
        return Err(Failure::new(code::WRONG, message));
    }
    Err(Failure::new(code::NOT_FOUND, "there is no Cargo.toml here or above: ask in the folder of a Rust program"))
}

/// The first program of a package.
fn main_file(folder: &Path, manifest: &toml::Table) -> PathBuf {
    let named = manifest.get("bin").and_then(toml::Value::as_array).and_then(|programs| programs.first());
    let named = named.and_then(|program| program.get("path")).and_then(toml::Value::as_str);
    let named = named.map(|path| folder.join(path)).filter(|path| path.starts_with(folder));
    named.unwrap_or_else(|| folder.join("src/main.rs"))
}
