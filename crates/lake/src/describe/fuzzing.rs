//! What must hold of manifests and inventories whatever bytes they are made of; the fuzzer's way in, and nothing else's.
//!
//! Their checksums would keep a fuzzer from everything behind them, so that it also makes heads and tails, which are
//! sealed here: two bytes say how long the head is.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kino_model::{TraceId, UnixNanos};

use super::sealed::{BadDescription, seal_bytes};
use super::{Described, Inventory, describe_group, describe_pack, inventory, manifest, read_manifest};
use crate::blobs;
use crate::entry::{GroupRow, PackRow};
use crate::group::{BlockSums, FileEntry, FileMeta, Group, GroupId, GroupMeta, LakeTable};
use crate::paths::{file_path, pack_path};
use crate::trace_filter::TraceFilterSet;

/// Whose manifests are read.
const HOME: u64 = 7;
/// And of which group or pack.
const ID: GroupId = GroupId(12);
/// Values are unpacked up to this length: longer ones cost memory, and show nothing more.
const VALUE_BYTES_MAX: u64 = 1 << 20;

/// Reads any bytes as an inventory: refused, or a state that can be written and read again.
pub fn check_inventory(bytes: &[u8]) {
    let half = sealed(inventory::MAGIC, bytes);
    for file in [bytes, &[half.as_slice(), &half].concat(), &[half.as_slice(), bytes].concat()] {
        let Ok(read) = Inventory::from_bytes(file) else { continue };
        let written = read.to_bytes().expect("a state can be written");
        assert_eq!(Inventory::from_bytes(&written), Ok(read), "a state reads back as written");
    }
}

/// Reads any bytes as a manifest: refused, or one that can be written and read again, and whose group or pack can be
/// asked.
pub fn check_manifest(bytes: &[u8]) {
    for file in [bytes, &sealed(manifest::MAGIC, bytes)] {
        let Ok(read) = read_manifest(file, HOME, ID) else { continue };
        let written = write(&read);
        let again = read_manifest(&written, HOME, ID).expect("what was written is read");
        assert_eq!(write(&again), written, "a manifest reads back as written");
        match read {
            Described::Group(row) => {
                if let Ok(group) = Group::new(row.id, row.meta, row.files) {
                    group.may_hold(TraceId([1; 16]));
                    assert!(group.split().count() <= group.meta.split.len() / TraceId::LEN);
                }
            }
            Described::Pack(row) => {
                for (hash, place) in row.blobs {
                    assert!(place.offset + place.length <= row.bytes, "a value is within its pack");
                    if place.raw_length <= VALUE_BYTES_MAX {
                        blobs::unpack(hash, place, bytes).ok();
                    }
                }
            }
        }
    }
}

/// Makes an inventory and a manifest out of `bytes`, cuts them or damages one byte as `bytes` says: an inventory comes
/// back whole after any damage, nothing comes back of a cut, and of a manifest nothing after either.
pub fn check_damage(bytes: &[u8]) {
    let [at_low, at_high, flip, content @ ..] = bytes else { return };
    let at = usize::from(u16::from_le_bytes([*at_low, *at_high]));
    let state = state(content);
    let whole = state.to_bytes().expect("a state can be written");
    let damaged = Inventory::from_bytes(&damage(&whole, at, *flip));
    assert_eq!(damaged, if *flip == 0 { Err(BadDescription::Damaged) } else { Ok(state) });
    let whole = describe_pack(HOME, &pack(content)).expect("a pack can be described");
    let damaged = read_manifest(&damage(&whole, at, *flip), HOME, ID);
    assert!(damaged.is_err(), "a manifest is read as it was written or not at all");
}

/// Files of each kind, and their heads and tails as [`check_inventory`] and [`check_manifest`] take them.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let inventory = state(b"some groups and traces that are hidden").to_bytes().expect("a state can be written");
    let group = describe_group(HOME, &group()).expect("a group can be described");
    let pack = describe_pack(HOME, &pack(b"values")).expect("a pack can be described");
    let parts = |file: &[u8]| [&file[12..14], &file[16..]].concat();
    vec![
        ("inventory", inventory.to_vec()),
        ("inventory_parts", parts(&inventory[..inventory.len() / 2])),
        ("group", group.to_vec()),
        ("group_parts", parts(&group)),
        ("pack", pack.to_vec()),
        ("pack_parts", parts(&pack)),
        ("damage", b"\x20\x00\x01some content".to_vec()),
        ("cut", b"\x20\x00\x00some content".to_vec()),
    ]
}

/// The bytes behind the first two as a head and a tail, sealed.
fn sealed(magic: [u8; 8], bytes: &[u8]) -> Vec<u8> {
    let [low, high, content @ ..] = bytes else { return Vec::new() };
    let (head, tail) = content.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(content.len()));
    seal_bytes(magic, head, tail)
}

fn damage(whole: &[u8], at: usize, flip: u8) -> Vec<u8> {
    let (mut damaged, at) = (whole.to_vec(), at % whole.len());
    if flip == 0 {
        damaged.truncate(at);
    } else {
        damaged[at] ^= flip;
    }
    damaged
}

fn write(described: &Described) -> Bytes {
    match described {
        Described::Group(row) => describe_group(HOME, row),
        Described::Pack(row) => describe_pack(HOME, row),
    }
    .expect("what was read can be written")
}

fn state(content: &[u8]) -> Inventory {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Inventory {
        home: HOME,
        sequence: content.len() as u64,
        next_id: number(content.get(..8).unwrap_or_default()),
        wal_position: u64::MAX,
        groups: content.chunks(8).map(|chunk| GroupId(number(chunk))).collect(),
        packs: vec![ID],
        hidden: content.chunks_exact(TraceId::LEN).filter_map(TraceId::from_slice).collect(),
    }
}

fn pack(content: &[u8]) -> PackRow {
    let values: BTreeMap<_, _> =
        content.chunks(16).map(|value| (blobs::hash_of(value), Bytes::copy_from_slice(value))).collect();
    let (bytes, blobs) = blobs::pack(ID, &values).expect("values can be packed");
    PackRow { id: ID, path: pack_path(ID), bytes: bytes.len() as u64, blobs }
}

fn group() -> GroupRow {
    let times = (UnixNanos(1_760_000_000_000_000_000), UnixNanos(1_760_000_000_000_000_030));
    let traces = [TraceId([1; 16]), TraceId([2; 16])];
    let meta = GroupMeta {
        arrival_min: times.0,
        arrival_max: times.1,
        start_min: times.0,
        start_max: times.1,
        spans: 3,
        traces: 2,
        duplicate_span_ids: 0,
        filter: TraceFilterSet::build(&traces).to_bytes(),
        split: Bytes::copy_from_slice(&traces[0].0),
        runs: Some(vec!["run".to_owned()]),
    };
    let file = |table: LakeTable| FileEntry {
        group: ID,
        path: file_path(table, ID),
        meta: FileMeta {
            table,
            rows: 3,
            bytes: 4_096,
            start_min: times.0,
            start_max: times.1,
            schema_version: 1,
            checksum: Some(1),
            blocks: BlockSums::default(),
        },
    };
    let blobs = BTreeSet::from([blobs::hash_of(b"value")]);
    GroupRow { id: ID, meta, files: LakeTable::ALL.map(file).to_vec(), blobs }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8]) {
        check_inventory(bytes);
        check_manifest(bytes);
        check_damage(bytes);
    }

    #[test]
    fn what_is_described_is_read_again_whatever_byte_of_it_is_damaged_or_missing() {
        for (name, seed) in seeds() {
            if name.ends_with("parts") {
                let magic = if name == "inventory_parts" { inventory::MAGIC } else { manifest::MAGIC };
                let file = sealed(magic, &seed);
                let is_read = Inventory::from_bytes(&[file.as_slice(), &file].concat()).is_ok()
                    || read_manifest(&file, HOME, ID).is_ok();
                assert!(is_read, "{name} is one of them");
            }
            for at in 0..seed.len() {
                let mut damaged = seed.clone();
                damaged[at] ^= 0x10;
                for bytes in [&seed[..at], &damaged] {
                    check_inventory(bytes);
                    check_manifest(bytes);
                }
            }
        }
        for (at, flip) in (0..=u16::MAX).step_by(97).flat_map(|at| [(at, 0), (at, 0x10)]) {
            let [low, high] = at.to_le_bytes();
            check_damage(&[&[low, high, flip], b"some content".as_slice()].concat());
        }
    }

    #[test]
    fn a_value_beyond_its_pack_or_too_long_is_damage() {
        let row = pack(b"values");
        assert!(read_manifest(&describe_pack(HOME, &row).unwrap(), HOME, ID).is_ok());
        for spoil in [
            |place: &mut blobs::BlobLocation| place.offset = u64::MAX,
            |place: &mut blobs::BlobLocation| place.raw_length = u64::MAX,
        ] {
            let mut row = row.clone();
            row.blobs.values_mut().for_each(spoil);
            assert!(read_manifest(&describe_pack(HOME, &row).unwrap(), HOME, ID).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            check(&bytes);
        }

        #[test]
        fn a_seed_of_which_a_few_bytes_are_others_is_read_or_refused(
            seed in 0..seeds().len(),
            others in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = seeds().remove(seed).1;
            for (at, byte) in others {
                let at = at.index(bytes.len());
                // Numbers and names differ by one character.
                bytes[at] = if byte < 128 { byte } else { bytes[at] ^ (byte & 7) };
            }
            check_inventory(&bytes);
            check_manifest(&bytes);
        }
    }
}
