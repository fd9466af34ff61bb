//! The lake after one commit: what is live, what is hidden, and where the log begins.

use bytes::Bytes;
use kino_model::TraceId;
use serde::{Deserialize, Serialize};

use super::sealed::{self, BadDescription, VERSION};
use crate::group::GroupId;

/// The first bytes of an inventory.
pub(super) const MAGIC: [u8; 8] = *b"KINOINV1";

/// A state of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Whose lake it is: a number that the catalog drew when it was made.
    pub home: u64,
    /// Grows with every change of what follows.
    pub sequence: u64,
    /// The number that the next group or pack gets.
    pub next_id: u64,
    /// The first log segment that is still needed.
    pub wal_position: u64,
    /// Live groups, ascending.
    pub groups: Vec<GroupId>,
    /// Live packs, ascending.
    pub packs: Vec<GroupId>,
    /// Traces whose forgetting is under way.
    pub hidden: Vec<TraceId>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    home: u64,
    sequence: u64,
    next_id: u64,
    wal_position: u64,
    groups: Vec<GroupId>,
    packs: Vec<GroupId>,
}

impl Inventory {
    /// The file: the same sealed bytes twice, so that one damaged place leaves one of them whole.
    ///
    /// # Errors
    /// Where the state cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Bytes, serde_json::Error> {
        let head = Head {
            version: VERSION,
            home: self.home,
            sequence: self.sequence,
            next_id: self.next_id,
            wal_position: self.wal_position,
            groups: self.groups.clone(),
            packs: self.packs.clone(),
        };
        let hidden: Vec<u8> = self.hidden.iter().flat_map(|trace| trace.0).collect();
        let sealed = sealed::seal(MAGIC, &head, &hidden)?;
        let bytes = [sealed.as_slice(), sealed.as_slice()].concat();
        // What a lost catalog is restored from is never written so that it cannot be read.
        assert!(Self::from_bytes(&bytes).as_ref() == Ok(self), "inventory {} does not read back", self.sequence);
        Ok(bytes.into())
    }

    /// Reads what [`Inventory::to_bytes`] wrote, from whichever half is whole.
    ///
    /// # Errors
    /// Where neither half is what was written, or a newer version wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadDescription> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let open = |half| sealed::open::<Head>(MAGIC, half);
        let (head, hidden) = open(first).or_else(|_| open(second))?;
        Ok(Self {
            home: head.home,
            sequence: head.sequence,
            next_id: head.next_id,
            wal_position: head.wal_position,
            groups: head.groups,
            packs: head.packs,
            hidden: hidden.chunks_exact(TraceId::LEN).filter_map(TraceId::from_slice).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_survives_any_one_damaged_byte_and_no_cut() {
        let inventory = Inventory {
            home: 7,
            sequence: 9,
            next_id: 12,
            wal_position: 4,
            groups: vec![GroupId(3), GroupId(11)],
            packs: vec![GroupId(5)],
            hidden: vec![TraceId([8; 16])],
        };
        let bytes = inventory.to_bytes().unwrap();
        assert_eq!(Inventory::from_bytes(&bytes), Ok(inventory.clone()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x10;
            assert_eq!(Inventory::from_bytes(&damaged), Ok(inventory.clone()), "byte {at}");
            assert_eq!(Inventory::from_bytes(&bytes[..at]).is_ok(), at == bytes.len() / 2 * 2, "cut to {at}");
        }
    }
}
