//! `init`: writes what assistants need to find Kinescope into their files, after each change was shown and agreed to.
//!
//! ```text
//! agents ─► offers (kino-agents) ─► target: judged, read ─► diff, consent ─► record, then the file
//! ```
//!
//! Nothing is written that was not shown, and nothing before it is recorded how to take it back.

mod check;
mod record;
mod target;
mod undo;

use std::ffi::OsString;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use kino_agents::{
    Agent, Edited, Extras, Offer, Places, Program, Purpose, Scope, Surroundings, diff, offers, places, review,
};
use kino_runner::{Bootstrap, ambient};
use serde::Serialize;

use self::record::{InstallRecord, InstalledFile};
use self::target::Target;
use crate::app::{App, Outcome};
use crate::args::{Arguments, Init};
use crate::config::{Settings, variable};
use crate::failure::{Failure, code};
use crate::render;

pub(crate) use self::check::{HookState, of_user};

/// Where an engine listens for OTLP over HTTP when nothing is said and the port is free.
const OTLP_HTTP: &str = "127.0.0.1:4318";

/// `kino.init.v1`.
const SCHEMA: &str = "kino.init.v1";

/// `kino.init.v1`, of what was or would be written or taken back.
#[derive(Serialize)]
struct InitAnswer {
    schema: &'static str,
    /// `init` or `undo`.
    action: &'static str,
    /// `user` or `project`.
    scope: &'static str,
    changes: Vec<Change>,
    /// What is left to the user, in sentences.
    notes: Vec<String>,
}

/// One change of one file.
#[derive(Clone, Serialize)]
struct Change {
    /// The assistant's id.
    agent: &'static str,
    /// `mcp`, `instructions`, `skill` or `hooks`; absent where a file is undone as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    path: PathBuf,
    state: ChangeState,
    /// Why, where the state does not say all.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The unified diff.
    #[serde(skip_serializing_if = "String::is_empty")]
    diff: String,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ChangeState {
    Written,
    Unchanged,
    /// Shown, and not written: it needs `--yes` or a terminal.
    Proposed,
    Declined,
    /// The file cannot be written, or something of that name is the user's.
    Refused,
    /// As it was before, byte for byte.
    Restored,
    /// The file was changed since: only Kinescope's entries went.
    EntriesRemoved,
}

impl ChangeState {
    fn describe(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "nothing to change",
            Self::Proposed => "would be written",
            Self::Declined => "not written",
            Self::Refused => "left as it is",
            Self::Restored => "as it was before",
            Self::EntriesRemoved => "changed since: only Kinescope's entries were removed",
        }
    }
}

/// Carries the command out.
pub(super) fn run(app: &App, arguments: &Init) -> Outcome {
    let mut around = Around::new(app, arguments.project)?;
    around.has_stop |= arguments.stop || arguments.undo;
    if arguments.check {
        return check::run(app, &around, &arguments.agents);
    }
    if arguments.undo {
        return undo::run(app, &around, &arguments.agents);
    }
    let agents = around.wanted(&arguments.agents);
    if agents.is_empty() {
        let ids = Agent::ALL.map(Agent::id).join(", ");
        let place = if arguments.project { "this repository has files of none" } else { "none is found here" };
        return Err(Failure::new(code::NOT_FOUND, format!("{place}: name the assistant, one of {ids}")));
    }
    let is_asking = !arguments.yes && !app.output.json && io::stdin().is_terminal() && io::stderr().is_terminal();
    let mut session =
        Session { app, around: &around, is_asking, is_agreed: arguments.yes, files: Vec::new(), changes: Vec::new() };
    for agent in &agents {
        for offer in around.offers(*agent) {
            session.consider(&offer)?;
        }
    }
    session.write()?;
    let changes = session.changes;
    let notes = notes(&around, &agents, &changes);
    finish(app, &InitAnswer { schema: SCHEMA, action: "init", scope: around.scope_name(), changes, notes }, is_asking)
}

/// Prints the answer, and makes its exit code.
fn finish(app: &App, answer: &InitAnswer, were_shown: bool) -> Outcome {
    app.output.answer(answer, |_| text(answer, were_shown))?;
    let has = |state| answer.changes.iter().any(|change| change.state == state);
    Ok(ExitCode::from(match () {
        () if has(ChangeState::Refused) => code::FAILED,
        () if has(ChangeState::Proposed) => code::WRONG,
        () => 0,
    }))
}

fn text(answer: &InitAnswer, were_shown: bool) -> String {
    // Writing to a text cannot fail.
    let mut out = String::new();
    for change in answer.changes.iter().filter(|change| !were_shown && !change.diff.is_empty()) {
        out.push_str(&render::clean_lines(&change.diff));
        out.push('\n');
    }
    for change in &answer.changes {
        let what = change.what.map(|what| format!(" {what}")).unwrap_or_default();
        let message =
            change.message.as_ref().map(|message| format!(" ({})", render::clean(message))).unwrap_or_default();
        let (path, state) = (render::path(&change.path), change.state.describe());
        writeln!(out, "{}{what}: {path}: {state}{message}", change.agent).ok();
    }
    if answer.changes.is_empty() {
        out.push_str("nothing of Kinescope's is there\n");
    }
    for note in &answer.notes {
        writeln!(out, "{note}").ok();
    }
    out
}

/// What is left to the user.
fn notes(around: &Around, agents: &[Agent], changes: &[Change]) -> Vec<String> {
    let has = |state: ChangeState, agent: Option<Agent>, what: Option<Purpose>| {
        changes.iter().any(|change| {
            change.state == state
                && agent.is_none_or(|agent| change.agent == agent.id())
                && what.is_none_or(|what| change.what == Some(what.id()))
        })
    };
    let mut notes = Vec::new();
    if has(ChangeState::Proposed, None, None) {
        notes.push("nothing was written: there is no terminal to ask on; --yes writes all of it".to_owned());
    }
    if has(ChangeState::Written, Some(Agent::Codex), Some(Purpose::Hooks)) {
        notes.push(
            "Codex skips new and changed hooks until you have reviewed them: open /hooks in Codex. Kinescope never writes that trust"
                .to_owned(),
        );
    }
    let in_settings = check::codex_settings(around).is_some_and(|settings| review::has_hooks(&settings));
    if in_settings && has(ChangeState::Written, Some(Agent::Codex), Some(Purpose::Hooks)) {
        notes.push("Codex has hooks in config.toml too: it runs both, and warns of it at its start".to_owned());
    }
    if around.root.is_none() && agents.contains(&Agent::Codex) && has_python_path() {
        notes.push(
            "Codex: no variables are offered for its commands' programs, because they would replace your PYTHONPATH"
                .to_owned(),
        );
    }
    if around.root.is_some() && has(ChangeState::Written, Some(Agent::Codex), None) {
        notes.push("Codex reads a repository's .codex only where you trust the repository".to_owned());
    }
    if has(ChangeState::Written, None, Some(Purpose::Mcp)) {
        notes.push("Assistants that run read their files at their next start".to_owned());
    }
    if agents.contains(&Agent::Antigravity) {
        notes.push(
            "Antigravity: no hooks are written, because it refuses a call whose hook gives no decision, and Kinescope gives none"
                .to_owned(),
        );
    }
    let has_stop = agents.iter().any(|agent| kino_agents::stop_event(*agent).is_some());
    if around.has_stop && has_stop && !around.says_at_stop {
        notes.push(
            "The hook at the end of a turn says nothing until config.toml of Kinescope's home has `stop = true` under [hooks]"
                .to_owned(),
        );
    }
    if !around.has_hooks {
        notes.push("No hooks are written: this kino answers none".to_owned());
    }
    notes
}

/// What the files depend on: whose they are, and how this program is called.
struct Around {
    scope: Scope,
    /// The repository, without links.
    root: Option<PathBuf>,
    program: Program,
    search: Vec<PathBuf>,
    has_hooks: bool,
    /// Whether the hook at the end of a turn is among the hooks: where it is asked for, or the user's configuration has it on.
    has_stop: bool,
    /// Whether the user's configuration has it on.
    says_at_stop: bool,
    /// The variables that a user's assistant can give the programs of its commands; none in a repository, for which they would
    /// name files of this machine.
    variables: Vec<(String, String)>,
}

impl Around {
    fn new(app: &App, is_project: bool) -> Result<Self, Failure> {
        let search = search_path();
        let root = is_project.then(|| project(&app.settings)).transpose()?;
        // What is in a repository is for everyone who works in it: a path of this machine has no place there.
        let is_found = find_program(&search, "kino").and_then(|found| found.canonicalize().ok())
            == app.settings.program.canonicalize().ok();
        let program = if root.is_some() || is_found { "kino".to_owned() } else { named(&app.settings.program)? };
        let scope = match &root {
            Some(root) => Scope::Project(root.clone()),
            None => Scope::User(surroundings()?),
        };
        let has_hooks = Arguments::command().find_subcommand("hook").is_some();
        let has_stop = app.settings.engine.hooks.stop;
        let program = Program(program);
        let variables = if root.is_none() { variables(&app.settings) } else { Vec::new() };
        Ok(Self { scope, root, program, search, has_hooks, has_stop, says_at_stop: has_stop, variables })
    }

    fn scope_name(&self) -> &'static str {
        if self.root.is_some() { "project" } else { "user" }
    }

    fn places(&self, agent: Agent) -> Places {
        places(agent, &self.scope)
    }

    /// The file of MCP servers that the assistant reads.
    fn servers(places: &Places) -> &Path {
        let is_there = |path: &&PathBuf| path.symlink_metadata().is_ok();
        places.servers.iter().find(is_there).unwrap_or(&places.servers[0])
    }

    /// What is offered, with hooks where this program answers them.
    fn offers(&self, agent: Agent) -> Vec<Offer> {
        let mut offers = self.all_offers(agent);
        offers.retain(|offer| match offer.purpose {
            Purpose::Hooks => self.has_hooks,
            // They would come in the place of the user's.
            Purpose::Environment => !has_python_path(),
            Purpose::Mcp | Purpose::Instructions | Purpose::Skill => true,
        });
        offers
    }

    fn all_offers(&self, agent: Agent) -> Vec<Offer> {
        self.offers_with(agent, self.has_stop)
    }

    fn offers_with(&self, agent: Agent, has_stop: bool) -> Vec<Offer> {
        let places = self.places(agent);
        let extras = Extras { has_stop, variables: &self.variables };
        offers(agent, &places, Self::servers(&places), &self.program, extras)
    }

    /// By what an assistant is found; `None` where it is not.
    fn sign(&self, agent: Agent) -> Option<PathBuf> {
        let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
        if let Some(sign) = self.places(agent).signs.into_iter().find(is_there) {
            return Some(sign);
        }
        if self.root.is_some() {
            return None;
        }
        agent.programs().iter().find_map(|program| find_program(&self.search, program))
    }

    fn wanted(&self, named: &[Agent]) -> Vec<Agent> {
        if named.is_empty() {
            return Agent::ALL.into_iter().filter(|agent| self.sign(*agent).is_some()).collect();
        }
        Agent::ALL.into_iter().filter(|agent| named.contains(agent)).collect()
    }
}

fn has_python_path() -> bool {
    variable("PYTHONPATH").is_some_and(|path| !path.is_empty())
}

/// The variables of programs that report by them alone; none where a value is no text.
fn variables(settings: &Settings) -> Vec<(String, String)> {
    let address = settings.engine.listen.otlp_http.as_deref().unwrap_or(OTLP_HTTP);
    let mut all = ambient::lasting(&Bootstrap::place(&settings.home), address);
    all.sort_by_key(|(name, _)| *name != ambient::MARK);
    let text = |(name, value): (&str, OsString)| Some((name.to_owned(), value.into_string().ok()?));
    all.into_iter().map(text).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The program's own path, as text that a file can have.
fn named(program: &Path) -> Result<String, Failure> {
    let name = program.to_str().filter(|name| !name.chars().any(char::is_control));
    let refused =
        || Failure::new(code::UNAVAILABLE, "the path of this program cannot be written into a file; put kino on PATH");
    name.map(str::to_owned).ok_or_else(refused)
}

fn project(settings: &Settings) -> Result<PathBuf, Failure> {
    kino_repo::project::worktree_of(&settings.directory)
        .ok_or_else(|| Failure::new(code::WRONG, "--project is for a repository, and this directory is in none"))
}

fn surroundings() -> Result<Surroundings, Failure> {
    let folder = |name: &str| {
        variable(name).filter(|value| !value.is_empty()).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    let home = folder("HOME").ok_or_else(|| {
        Failure::new(code::WRONG, "HOME is not set, so that your files cannot be found; set it, or use --project")
    })?;
    Ok(Surroundings {
        home,
        claude: folder("CLAUDE_CONFIG_DIR"),
        codex: folder("CODEX_HOME"),
        gemini: folder("GEMINI_CLI_HOME"),
        copilot: folder("COPILOT_HOME"),
        config: folder("XDG_CONFIG_HOME"),
        is_macos: cfg!(target_os = "macos"),
    })
}

/// The folders of `PATH`; a relative one depends on where a shell is, and counts for nothing.
fn search_path() -> Vec<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

fn find_program(search: &[PathBuf], name: &str) -> Option<PathBuf> {
    search.iter().map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A file with what it will have.
struct Planned {
    target: Target,
    new: Option<String>,
    agents: Vec<Agent>,
}

/// The changes so far: each file is read once, and written once.
struct Session<'a> {
    app: &'a App,
    around: &'a Around,
    is_asking: bool,
    is_agreed: bool,
    files: Vec<Result<Planned, (PathBuf, String)>>,
    changes: Vec<Change>,
}

impl Session<'_> {
    /// Looks at one offer, shows it and asks for it.
    fn consider(&mut self, offer: &Offer) -> Result<(), Failure> {
        let index = self.file(&offer.path);
        let mut change = Change {
            agent: offer.agent.id(),
            what: Some(offer.purpose.id()),
            path: offer.path.clone(),
            state: ChangeState::Unchanged,
            message: None,
            diff: String::new(),
        };
        let (is_asking, is_agreed) = (self.is_asking, self.is_agreed);
        match &mut self.files[index] {
            Err((_, refusal)) => (change.state, change.message) = (ChangeState::Refused, Some(refusal.clone())),
            Ok(planned) => match edited(offer, planned.new.as_deref()) {
                Err(refusal) => (change.state, change.message) = (ChangeState::Refused, Some(refusal)),
                Ok(None) => {}
                Ok(Some(new)) => {
                    change.diff = diff::unified(&offer.path.to_string_lossy(), planned.new.as_deref(), Some(&new));
                    change.state = match () {
                        () if is_agreed => ChangeState::Written,
                        () if !is_asking => ChangeState::Proposed,
                        () if agreed(offer, &change.diff)? => ChangeState::Written,
                        () => ChangeState::Declined,
                    };
                    if change.state != ChangeState::Declined {
                        planned.new = Some(new);
                        if !planned.agents.contains(&offer.agent) {
                            planned.agents.push(offer.agent);
                        }
                    }
                }
            },
        }
        self.changes.push(change);
        Ok(())
    }

    fn file(&mut self, path: &Path) -> usize {
        let is_it = |file: &Result<Planned, (PathBuf, String)>| match file {
            Ok(planned) => planned.target.path == path,
            Err((refused, _)) => refused == path,
        };
        if let Some(index) = self.files.iter().position(is_it) {
            return index;
        }
        let opened = Target::open(path, self.around.root.as_deref());
        // Repositories have one file of instructions, and the other name is a link to it.
        if let Ok(target) = &opened {
            let is_same = |file: &Result<Planned, _>| file.as_ref().is_ok_and(|file| file.target.real == target.real);
            if let Some(index) = self.files.iter().position(is_same) {
                return index;
            }
        }
        self.files.push(match opened {
            Ok(target) => Ok(Planned { new: target.text.clone(), target, agents: Vec::new() }),
            Err(refusal) => Err((path.to_owned(), refusal)),
        });
        self.files.len() - 1
    }

    /// Writes what was agreed to, each file after its record.
    fn write(&mut self) -> Result<(), Failure> {
        if !self.changes.iter().any(|change| change.state == ChangeState::Written) {
            return Ok(());
        }
        let mut record = InstallRecord::open(&self.app.settings.home)?;
        let has_variables =
            |change: &Change| change.state == ChangeState::Written && change.what == Some(Purpose::Environment.id());
        if self.changes.iter().any(has_variables) {
            Bootstrap::install(&self.app.settings.home)
                .map_err(|error| Failure::because("writing what Python programs load", &error))?;
        }
        for planned in self.files.iter().flatten() {
            let Some(new) = planned.new.as_deref().filter(|new| Some(*new) != planned.target.text.as_deref()) else {
                continue;
            };
            let target = &planned.target;
            let root = self.around.root.as_deref();
            // What was known of a file that someone removed since is of no use.
            if target.text.is_none() {
                record.forget(&target.path)?;
            }
            record.begin(
                InstalledFile::new(&target.path, root, &planned.agents, &target.folders),
                target.text.as_deref(),
                new,
            )?;
            if let Err(refusal) = target.replace(new) {
                let agents: Vec<&str> = planned.agents.iter().map(|agent| agent.id()).collect();
                let is_it = |path: &Path| path.canonicalize().unwrap_or(path.to_owned()) == target.real;
                let of_it = |change: &&mut Change| {
                    change.state == ChangeState::Written && agents.contains(&change.agent) && is_it(&change.path)
                };
                for change in self.changes.iter_mut().filter(of_it) {
                    (change.state, change.message) = (ChangeState::Refused, Some(refusal.clone()));
                }
            }
        }
        Ok(())
    }
}

/// The text after an offer's edits; `None` where nothing changes.
fn edited(offer: &Offer, text: Option<&str>) -> Result<Option<String>, String> {
    let mut new = text.map(str::to_owned);
    for edit in &offer.edits {
        let named = |what: String| format!("{}: {what}", render::path(&offer.path));
        match edit.apply(new.as_deref()).map_err(|mistake| named(format!("{mistake}; mend it, then try again")))? {
            Edited::Unchanged => {}
            Edited::Changed(text) => new = Some(text),
            Edited::Taken(reason) => return Err(named(reason)),
        }
    }
    Ok(new.filter(|new| Some(new.as_str()) != text))
}

/// Shows a change and asks for it.
fn agreed(offer: &Offer, diff: &str) -> Result<bool, Failure> {
    crate::output::note(diff);
    let mut err = io::stderr().lock();
    let question = format!("Write {} for {}? [y/N] ", offer.purpose.describe(), offer.agent.name());
    let asked = io::Write::write_all(&mut err, question.as_bytes()).and_then(|()| io::Write::flush(&mut err));
    asked.map_err(|error| Failure::because("asking", &error))?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|error| Failure::because("reading the answer", &error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
