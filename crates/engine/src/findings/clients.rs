//! Which client has been told of which finding: a small record for each client and project.

use std::collections::BTreeMap;

use kino_model::Fingerprint;
use kino_wire::Problem;
use serde::{Deserialize, Serialize};

use super::Findings;
use super::stored::id;

/// The kind of the records.
pub(super) const KIND: &str = "insights_client";
/// Clients that are remembered, those that asked last.
const CLIENTS_MAX: usize = 64;
/// The longest name of a client.
const NAME_BYTES_MAX: usize = 128;

/// By the finding's id, the number of the change that the client was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    findings: BTreeMap<String, u64>,
}

impl Told {
    /// Whether the client knows of this change.
    pub(super) fn knows(&self, id: &str, sequence: u64) -> bool {
        self.findings.get(id).is_some_and(|told| *told >= sequence)
    }

    /// Whether the client was ever told of the finding.
    pub(super) fn has_heard_of(&self, id: &str) -> bool {
        self.findings.contains_key(id)
    }
}

impl Findings {
    /// What a client has been told about a project.
    pub(super) async fn told(&self, client: &str, project: Option<&str>) -> Result<Told, Problem> {
        // One that cannot be read was written by a newer version: the client is told again.
        Ok(self.clients.get(&key(client, project)?).await?.unwrap_or_default())
    }

    /// Remembers that a client has been told of findings, as they are now. Gives how many.
    pub(super) async fn tell(
        &self,
        client: &str,
        project: Option<&str>,
        fingerprints: &[Fingerprint],
    ) -> Result<u64, Problem> {
        let mut told = self.told(client, project).await?;
        let mut count = 0;
        {
            let ledger = self.ledger();
            for stored in ledger.all().filter(|stored| stored.is_in(project)) {
                if fingerprints.contains(&stored.finding.fingerprint) {
                    told.findings.insert(stored.id(), stored.sequence);
                    count += 1;
                }
            }
            // What is no longer kept need not be remembered, which bounds the record.
            told.findings.retain(|id, _| ledger.get(id).is_some());
        }
        if self.clients.is_read_only() {
            return Ok(count);
        }
        self.clients.put(&key(client, project)?, &told).await?;
        for (oldest, _) in self.clients.newest_json(CLIENTS_MAX + 1).await?.into_iter().skip(CLIENTS_MAX) {
            self.clients.remove(&oldest).await?;
        }
        Ok(count)
    }

    /// Forgets what any client was told.
    pub(super) async fn forget_clients(&self) -> Result<(), Problem> {
        self.clients.clear().await
    }
}

fn key(client: &str, project: Option<&str>) -> Result<String, Problem> {
    if client.is_empty() || client.len() > NAME_BYTES_MAX {
        return Err(Problem::invalid(format!("a client's name has 1 to {NAME_BYTES_MAX} bytes")));
    }
    Ok(id(project, client))
}
