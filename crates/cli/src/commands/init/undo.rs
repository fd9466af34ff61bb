//! `init --undo`: each file as it was before, byte for byte, where it was not changed since; otherwise without
//! Kinescope's entries.

use std::path::{Path, PathBuf};

use kino_agents::{Agent, Offer, diff};

use super::record::{self, InstallRecord, InstalledFile};
use super::target::Target;
use super::{Around, Change, ChangeState, InitAnswer, SCHEMA, finish};
use crate::app::{App, Outcome};
use crate::failure::Failure;
use crate::render;

/// Takes back what was written for these assistants; for all where none is named.
pub(super) fn run(app: &App, around: &Around, named: &[Agent]) -> Outcome {
    let is_meant = |id: &str| named.is_empty() || named.iter().any(|agent| agent.id() == id);
    let offers: Vec<Offer> = Agent::ALL.into_iter().flat_map(|agent| around.all_offers(agent)).collect();
    let mut record = InstallRecord::open(&app.settings.home)?;
    let mut changes = Vec::new();
    let mut paths: Vec<PathBuf> = record.files(around.root.as_deref()).into_iter().map(|entry| entry.path).collect();
    for offer in &offers {
        if !paths.contains(&offer.path) {
            paths.push(offer.path.clone());
        }
    }
    for path in paths {
        let entry = record.get(&path).cloned();
        let of_file: Vec<&Offer> = offers.iter().filter(|offer| offer.path == path).collect();
        let mut agents: Vec<&str> = entry.iter().flat_map(|entry| entry.agents.iter().map(String::as_str)).collect();
        if agents.is_empty() {
            agents = of_file.iter().map(|offer| offer.agent.id()).collect();
        }
        if !agents.iter().any(|id| is_meant(id)) {
            continue;
        }
        let others: Vec<&str> = agents.iter().copied().filter(|id| entry.is_some() && !is_meant(id)).collect();
        let agent = Agent::ALL.into_iter().find(|agent| agents.contains(&agent.id()) && is_meant(agent.id()));
        let Some(agent) = agent else { continue };
        let change = Change {
            agent: agent.id(),
            what: None,
            path: path.clone(),
            state: ChangeState::Unchanged,
            message: None,
            diff: String::new(),
        };
        if !others.is_empty() {
            let message = format!("{} reads it too: name both, or none", others.join(", "));
            changes.push(Change { message: Some(message), ..change });
            continue;
        }
        match file(around, &mut record, &path, entry.as_ref(), &of_file) {
            Ok(Some((state, diff))) => changes.push(Change { state, diff, ..change }),
            Ok(None) => {}
            Err(Undone::Refused(message)) => {
                changes.push(Change { state: ChangeState::Refused, message: Some(message), ..change });
            }
            Err(Undone::Failed(failure)) => return Err(failure),
        }
    }
    let answer = InitAnswer { schema: SCHEMA, action: "undo", scope: around.scope_name(), changes, notes: Vec::new() };
    finish(app, &answer, true)
}

/// Why a file was not undone.
enum Undone {
    /// This file alone.
    Refused(String),
    /// The command as a whole.
    Failed(Failure),
}

impl From<Failure> for Undone {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Undoes one file. `None` where nothing of Kinescope's is in it.
fn file(
    around: &Around,
    record: &mut InstallRecord,
    path: &Path,
    entry: Option<&InstalledFile>,
    offers: &[&Offer],
) -> Result<Option<(ChangeState, String)>, Undone> {
    if entry.is_none() && path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let target = match Target::open(path, around.root.as_deref()) {
        Ok(target) => target,
        // A file that Kinescope never wrote is none of its business.
        Err(_) if entry.is_none() => return Ok(None),
        Err(refusal) => return Err(Undone::Refused(refusal)),
    };
    let now = target.text.as_deref().map(record::hash);
    let before = entry.and_then(|entry| record.backup(entry));
    let name = path.to_string_lossy();
    let diff = |new: Option<&str>| diff::unified(&name, target.text.as_deref(), new);
    if let Some(entry) = entry {
        if now == entry.before && entry.is_whole {
            record.forget(path)?;
            return Ok(None);
        }
        let is_known = entry.before.is_none() || before.is_some();
        if now.as_ref() == Some(&entry.after) && entry.is_whole && is_known {
            match &before {
                Some(before) => target.replace(before).map_err(Undone::Refused)?,
                None => target.remove(&entry.folders).map_err(Undone::Refused)?,
            }
            record.forget(path)?;
            return Ok(Some((ChangeState::Restored, diff(before.as_deref()))));
        }
    }
    let Some(text) = target.text.as_deref() else {
        record.forget(path)?;
        return Ok(None);
    };
    let new = without_entries(text, entry.is_some(), before.as_deref(), offers).map_err(|what| {
        let path = render::path(path);
        Undone::Refused(format!("{path}: {what}; mend it, or remove the entries by hand"))
    })?;
    if new.as_deref() == Some(text) {
        record.forget(path)?;
        return Ok(None);
    }
    match new.as_deref().filter(|new| !new.trim().is_empty()) {
        Some(new) => target.replace(new).map_err(Undone::Refused)?,
        None => target.remove(entry.map_or(&[], |entry| entry.folders.as_slice())).map_err(Undone::Refused)?,
    }
    record.forget(path)?;
    Ok(Some((ChangeState::EntriesRemoved, diff(new.as_deref()))))
}

/// The text without Kinescope's entries; `None` where nothing else is left.
fn without_entries(
    text: &str,
    is_recorded: bool,
    before: Option<&str>,
    offers: &[&Offer],
) -> Result<Option<String>, String> {
    // A file that was made has nothing before it: what becomes empty there was Kinescope's.
    let before = before.or(is_recorded.then_some("{}"));
    let mut left = Some(text.to_owned());
    for edit in offers.iter().rev().flat_map(|offer| offer.edits.iter().rev()) {
        let Some(text) = left else { break };
        left = edit.take_back(&text, before).map_err(|mistake| mistake.to_string())?;
    }
    Ok(left)
}
