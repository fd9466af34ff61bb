//! Restoring a lost catalog, in the words of a check-up.

use kino_model::Clock;
use kino_store::{Documents, Rebuilt};
use kino_wire::admin::{Check, CheckState};

use crate::config::EngineConfig;
use crate::error::OpenError;

/// Restores the catalog of the configured home from its lake, and says what came back and what not. No engine may run.
/// Reads every live file; blocks.
///
/// # Errors
/// Where an engine runs, or nothing can be restored; the database is then as it was.
pub fn rebuild(config: &EngineConfig, clock: &dyn Clock) -> Result<Vec<Check>, OpenError> {
    let rebuilt = kino_store::rebuild(&config.store()?, clock)?;
    Ok(describe(&rebuilt))
}

fn describe(rebuilt: &Rebuilt) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut check = |name: &str, state, message: String, next: Option<&str>| {
        checks.push(Check { name: name.to_owned(), state, message, next: next.map(str::to_owned) });
    };
    let Rebuilt { groups, spans, packs, blobs, .. } = rebuilt;
    let restored =
        format!("restored {groups} groups of files with {spans} spans, {packs} packs with {blobs} large values");
    check("catalog", CheckState::Ok, restored, Some("what the log holds comes back with the engine: kino status"));
    if rebuilt.hidden_traces > 0 {
        let message = format!("{} traces were being forgotten; the engine finishes that", rebuilt.hidden_traces);
        check("forgetting", CheckState::Ok, message, None);
    }
    if rebuilt.is_inventory_of_copy {
        let message = "the lake's last inventory is missing or cannot be read; its copy in the home was used";
        check(
            "inventory",
            CheckState::Warning,
            message.to_owned(),
            Some("check the disk and what removes files there"),
        );
    }
    if rebuilt.is_last_inventory_lost {
        let message = "the lake's last inventory is missing or cannot be read; the one before was used: what was written \
                       out since may be missing, and its files were put aside";
        check(
            "inventory",
            CheckState::Failed,
            message.to_owned(),
            Some("keep the lake's folder `aside`; check the disk"),
        );
    }
    for (what, spans) in &rebuilt.damaged {
        let message = format!("{what}; {spans} spans of its group are left out of every answer");
        check("lake", CheckState::Failed, message, Some("restore the file from a backup, and check the disk"));
    }
    for what in &rebuilt.lost {
        let next = "the files are in the lake's folder `aside`; check the disk";
        check("lake", CheckState::Failed, format!("{what}: what it describes is lost"), Some(next));
    }
    if rebuilt.unverified_files > 0 {
        let message = format!(
            "{} files of an early version have no checksum and were taken as they are",
            rebuilt.unverified_files
        );
        check("lake", CheckState::Warning, message, Some("`kino doctor` reads them through"));
    }
    if !rebuilt.aside.is_empty() {
        let message = format!("{} files that do not belong to the lake any more were put aside", rebuilt.aside.len());
        check("aside", CheckState::Warning, message, Some("delete the lake's folder `aside` once looked at"));
    }
    match &rebuilt.documents {
        Some(Documents { from, records, counters }) => {
            let message = format!("{records} documents and {counters} counters from {}", from.display());
            check("documents", CheckState::Ok, message, None);
        }
        None => check(
            "documents",
            CheckState::Failed,
            "records of runs, findings with their acknowledgements, verifications and counters are lost: neither the \
             database that was there nor its copy could be read"
                .to_owned(),
            Some("the rows are there; findings are found again as they are met"),
        ),
    }
    if let Some(old) = &rebuilt.old_database {
        let next = "delete it once all is well";
        check("old_database", CheckState::Ok, format!("the database that was there is {}", old.display()), Some(next));
    }
    checks
}
