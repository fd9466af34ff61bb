//! Which findings each client has received: a small record for each client and project.

use std::collections::BTreeMap;

use kino_model::Fingerprint;
use kino_wire::Problem;
use serde::{Deserialize, Serialize};

use super::Findings;
use super::record::id;

/// The kind of the records.
pub(super) const KIND: &str = "insights_client";
/// Records at most, those of the clients that asked last.
const CLIENTS_MAX: usize = 64;
/// The channel by which clients receive findings: `check_insights`.
const MCP_CHANNEL: &str = "mcp";
/// The longest name of a client.
const NAME_BYTES_MAX: usize = 128;

/// By the finding's id, the number of its newest change that the client received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientRecord {
    findings: BTreeMap<String, u64>,
}

impl ClientRecord {
    /// Returns whether the client received this change, or a later one.
    pub(super) fn has_received_change(&self, id: &str, sequence: u64) -> bool {
        self.findings.get(id).is_some_and(|received| *received >= sequence)
    }

    /// Returns whether the client ever received the finding.
    pub(super) fn has_received(&self, id: &str) -> bool {
        self.findings.contains_key(id)
    }
}

impl Findings {
    /// Reads what a client received about a project.
    pub(super) async fn client_record(&self, client: &str, project: Option<&str>) -> Result<ClientRecord, Problem> {
        // One that cannot be read was written by a newer version: the client receives its findings again.
        Ok(self.clients.get(&key(client, project)?).await?.unwrap_or_default())
    }

    /// Records that a client received findings, as they are now; returns how many.
    pub(super) async fn record_received(
        &self,
        client: &str,
        project: Option<&str>,
        fingerprints: &[Fingerprint],
    ) -> Result<u64, Problem> {
        let mut received = self.client_record(client, project).await?;
        let mut count = 0;
        let mut ids = Vec::new();
        {
            let mut ledger = self.ledger();
            for record in ledger.all().filter(|record| record.is_in(project)) {
                if fingerprints.contains(&record.finding.fingerprint) {
                    received.findings.insert(record.id(), record.sequence);
                    ids.push(record.id());
                    count += 1;
                }
            }
            let now = self.clock.now().0;
            for id in &ids {
                ledger.deliver(id, MCP_CHANNEL, None, now);
            }
            // Findings that were removed need not be remembered, which bounds the record.
            received.findings.retain(|id, _| ledger.get(id).is_some());
        }
        if self.clients.is_read_only() {
            return Ok(count);
        }
        self.commit(ids, []).await?;
        self.clients.put(&key(client, project)?, &received).await?;
        for (oldest, _) in self.clients.newest_json(CLIENTS_MAX + 1).await?.into_iter().skip(CLIENTS_MAX) {
            self.clients.remove(&oldest).await?;
        }
        Ok(count)
    }

    /// Removes the records of all clients.
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
