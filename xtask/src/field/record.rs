//! `record`: installs a package and its instrumentation, runs it under `kino run`, and writes what was recorded out.
//!
//! Prints how many spans came and never what was found: findings of sealed packages are not to be seen.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::Args;
use super::recipes::{self, Language, Recipe};
use crate::causes::engine::Engine;
use crate::exec;

/// One line of a recipe, or one installation.
const LINE_LIMIT: Duration = Duration::from_mins(8);
/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(50);

/// What every Node program is instrumented with.
const NODE_INSTRUMENTATION: [&str; 2] =
    ["@opentelemetry/api@1.9.0", "@opentelemetry/auto-instrumentations-node@0.67.0"];
/// What every Python program is instrumented with, beside what `opentelemetry-bootstrap` names for its packages.
const PYTHON_INSTRUMENTATION: [&str; 3] =
    ["opentelemetry-distro==0.66b0", "opentelemetry-exporter-otlp-proto-http==1.45.0", "pytest-opentelemetry==1.1.0"];

/// Where a package is installed and run.
struct Installation<'r> {
    recipe: &'r Recipe,
    /// Its folder; emptied before it is installed.
    folder: PathBuf,
    programs: PathBuf,
    path: OsString,
}

/// Records what is chosen and not recorded yet; false when one of them failed.
pub(super) fn run(args: &Args) -> anyhow::Result<bool> {
    let (root, cache, kino) = (exec::workspace_root()?, args.cache()?, args.kino()?);
    fs::create_dir_all(cache.join("cases"))?;
    let mut is_whole = true;
    for recipe in recipes::all(&root)?.iter().filter(|recipe| args.is_chosen(&recipe.name)) {
        let target = case(&cache, &recipe.name);
        if target.exists() {
            continue;
        }
        let began = exec::now();
        match record(recipe, &root, &cache, &kino) {
            Ok(spans) => println!("{:<24} {spans} spans, {} s", recipe.name, began.elapsed().as_secs()),
            Err(error) => {
                is_whole = false;
                println!("{:<24} failed: {error:#}", recipe.name);
            }
        }
    }
    Ok(is_whole)
}

/// The file with what was recorded of a package.
pub(super) fn case(cache: &Path, name: &str) -> PathBuf {
    cache.join("cases").join(format!("{name}.jsonl"))
}

fn record(recipe: &Recipe, root: &Path, cache: &Path, kino: &Path) -> anyhow::Result<usize> {
    let place = Installation::new(recipe, root, cache)?;
    let mark = place.folder.join("installed");
    if !mark.exists() {
        place.install()?;
        fs::write(&mark, "")?;
    }
    let work = place.work();
    if !work.is_dir() {
        bail!("its sources have no folder {}", recipe.folder);
    }
    for line in &recipe.setup {
        place.execute("setup.log", "sh", &["-c", line], &work, &[])?;
    }
    let home = place.folder.join("engine");
    let engine = Engine::start(kino, &home)?;
    for (number, line) in recipe.run.iter().enumerate() {
        let output = place.folder.join(format!("output-{number}.log"));
        let inner = format!("exec >{} 2>&1\n{line}", output.display());
        let environment = [
            ("KINO_HOME", home.join("home").into_os_string()),
            ("KINO_LINE", inner.into()),
            ("KINO", kino.as_os_str().to_owned()),
        ];
        let shell = ["sh", "-c", r#"eval "$KINO_LINE""#];
        let ended = if recipe.is_injected {
            place.execute("kino.log", shell[0], &shell[1..], &work, &environment)
        } else {
            // What the package is instrumented with is OpenTelemetry's own.
            let arguments = [&["run", "--no-inject", "--"][..], &shell].concat();
            place.execute("kino.log", &kino.to_string_lossy(), &arguments, &work, &environment)
        };
        if let Err(error) = ended {
            println!("{:<24} line {number}: {error:#} ({})", recipe.name, output.display());
        }
    }
    let spans = engine.ask(&["export", "--all"])?;
    drop(engine);
    let count = String::from_utf8_lossy(&spans).matches("\"spanId\"").count();
    if count == 0 {
        bail!("nothing was recorded; see {}", place.folder.display());
    }
    fs::write(case(cache, &recipe.name), spans)?;
    Ok(count)
}

impl<'r> Installation<'r> {
    fn new(recipe: &'r Recipe, root: &Path, cache: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(cache.join("places"))?;
        let folder = cache.canonicalize()?.join("places").join(&recipe.name);
        let bin = match recipe.language {
            Language::Python => folder.join("venv/bin"),
            Language::Node => folder.join("node_modules/.bin"),
        };
        let path = std::env::join_paths(std::iter::once(bin).chain(inherited_path()))?;
        Ok(Self { recipe, folder, programs: root.join("field/programs"), path })
    }

    /// Where the recipe's lines run.
    fn work(&self) -> PathBuf {
        self.folder.join("work").join(&self.recipe.folder)
    }

    fn install(&self) -> anyhow::Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::create_dir_all(self.folder.join("work"))?;
        match self.recipe.language {
            Language::Python => self.install_python(),
            Language::Node => self.install_node(),
        }
    }

    fn install_python(&self) -> anyhow::Result<()> {
        let python = self.folder.join("venv/bin/python").to_string_lossy().into_owned();
        let uv = |arguments: &[&str]| self.execute("install.log", "uv", arguments, &self.folder, &[]);
        uv(&["venv", "--seed", "venv"])?;
        let packages = |packages: &[&str]| {
            // Otherwise modules are compiled while the recording goes on, at each start if nothing may be written.
            let mut arguments = vec!["pip", "install", "--compile-bytecode", "--python", &python];
            arguments.extend(packages);
            uv(&arguments)
        };
        let mut wanted: Vec<&str> = self.recipe.install.iter().map(String::as_str).collect();
        if self.recipe.is_injected {
            packages(&wanted)?;
        } else {
            wanted.extend(PYTHON_INSTRUMENTATION);
            packages(&wanted)?;
            let line = "opentelemetry-bootstrap -a requirements >instrumentation.txt";
            self.execute("install.log", "sh", &["-c", line], &self.folder, &[])?;
            packages(&["-r", "instrumentation.txt"])?;
        }
        if let Some(sources) = &self.recipe.sources {
            let name = sources.split(['=', '[']).next().unwrap_or(sources);
            let line = format!(
                "pip download --quiet --no-deps --no-binary '{name}' --dest sdist '{sources}' && \
                 tar -xf sdist/*.tar.gz --strip-components 1 -C work"
            );
            self.execute("install.log", "sh", &["-c", &line], &self.folder, &[])?;
        }
        Ok(())
    }

    fn install_node(&self) -> anyhow::Result<()> {
        let mut arguments = vec!["install", "--no-audit", "--no-fund", "--prefix", "."];
        arguments.extend(self.recipe.install.iter().map(String::as_str));
        if !self.recipe.is_injected {
            arguments.extend(NODE_INSTRUMENTATION);
        }
        self.execute("install.log", "npm", &arguments, &self.folder, &[])?;
        if let Some(sources) = &self.recipe.sources {
            let line = format!("npm pack --silent '{sources}' && tar -xf *.tgz --strip-components 1 -C work");
            self.execute("install.log", "sh", &["-c", &line], &self.folder, &[])?;
        }
        Ok(())
    }

    /// Runs a program to its end with its output in a file.
    fn execute(
        &self,
        log: &str,
        program: &str,
        arguments: &[&str],
        folder: &Path,
        environment: &[(&str, OsString)],
    ) -> anyhow::Result<()> {
        let log = self.folder.join(log);
        let file = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new("timeout");
        command.arg("--kill-after=10").arg(LINE_LIMIT.as_secs().to_string()).arg(program).args(arguments);
        command.current_dir(folder).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        command.env("PATH", &self.path).env("PROGRAMS", &self.programs).env("PLACE", &self.folder);
        command.env("VIRTUAL_ENV", self.folder.join("venv")).env("OTEL_SERVICE_NAME", &self.recipe.name);
        let hook = self.folder.join("node_modules/@opentelemetry/auto-instrumentations-node/build/src/register.js");
        command.env("TRACED", format!("--require {}", hook.display()));
        command
            .env_remove("TRACEPARENT")
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .envs(environment.iter().map(|(key, value)| (key, value)));
        let mut child = command.spawn().with_context(|| format!("failed to start {program}"))?;
        while child.try_wait()?.is_none() {
            std::thread::sleep(LOOK);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{program} ended with {status}; see {}", log.display());
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "uv, npm and timeout are found where the user has them")]
fn inherited_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}
