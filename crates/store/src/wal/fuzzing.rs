//! What must hold of the log whatever bytes it is made of; the fuzzer's way in, and nothing else's.

use kino_model::Batch;

use super::replay::{Replayed, read_segment};
use super::segment::{self, HEADER_LEN, Header, RecordKind};
use super::{columns, payload};
use crate::hot::Content;

/// A segment of these batches and blobs, as the writer makes it.
pub fn segment_of(batches: &[Batch], blobs: &[&[u8]]) -> Vec<u8> {
    let batches = batches.iter().map(|batch| payload::encode(batch).expect("a batch can be written"));
    let records: Vec<(RecordKind, Vec<u8>)> = batches
        .map(|payload| (RecordKind::Batch, payload))
        .chain(blobs.iter().map(|blob| (RecordKind::Blob, blob.to_vec())))
        .collect();
    segment_bytes(&records).0
}

/// Reads any bytes as a segment: every byte is a record's, named as damaged, or named as torn; and what is read can be
/// written and read again.
pub fn check_segment(bytes: &[u8]) {
    let scanned = segment::scan(bytes);
    if let Header::Ours | Header::Damaged = scanned.header {
        let offset = |payload: &[u8]| payload.as_ptr().addr() - bytes.as_ptr().addr();
        let end = |payload: &[u8]| offset(payload) + payload.len();
        let records = scanned.records.iter().map(|record| (record.at, end(record.payload)));
        let mut stretches: Vec<(usize, usize)> = records.collect();
        stretches.extend(scanned.damaged.iter().map(|(at, length)| (*at, at + length)));
        stretches.extend(scanned.torn_at.map(|at| (at, bytes.len())));
        stretches.sort_unstable();
        let mut covered = if scanned.header == Header::Ours { HEADER_LEN } else { 0 };
        for (from, to) in stretches {
            assert_eq!(from, covered, "every byte is accounted for once");
            covered = to;
        }
        assert_eq!(covered, bytes.len(), "every byte is accounted for");
    }
    let mut aside_bytes = 0;
    let mut replayed = Replayed::default();
    let read = read_segment(bytes, &mut replayed, &mut |_, _, stretch| {
        aside_bytes += stretch.len() as u64;
        Ok(())
    });
    assert!(read.is_ok(), "nothing was written");
    let report = &replayed.report;
    assert_eq!(report.records, replayed.accepted.len() as u64);
    assert!(aside_bytes >= report.torn_bytes + report.damaged_bytes, "unreadable bytes are copied aside");
    for accepted in &replayed.accepted {
        if let Content::Batch(batch) = &accepted.content {
            let again = payload::encode(batch).and_then(|bytes| payload::decode(&bytes));
            assert_eq!(again.as_ref().ok(), Some(batch), "a batch reads back as written");
        }
    }
}

/// Reads any bytes as a batch's columns: refused, or a batch that can be written and read again. (Arrow streams are left
/// out: their reader is not ours, and checksums keep damage from it.)
pub fn check_columns(bytes: &[u8]) {
    let magics = [columns::MAGIC, columns::OLD_MAGIC];
    let bare = magics.into_iter().find_map(|magic| bytes.strip_prefix(magic)).unwrap_or(bytes);
    for magic in magics {
        let Ok(batch) = payload::decode(&[magic, bare].concat()) else { continue };
        let written = payload::encode(&batch).expect("a batch can be written");
        assert!(written.starts_with(columns::MAGIC), "columns of their table's types are written as columns");
        assert_eq!(payload::decode(&written).ok(), Some(batch), "a batch reads back as written");
    }
}

/// Makes a segment whose payloads are pieces of `bytes`, cuts it or damages one byte as `bytes` says, and asserts that
/// every record that was not touched comes back, and no other, whatever its payload looks like.
pub fn check_damage(bytes: &[u8]) {
    let [piece, at_low, at_high, flip, content @ ..] = bytes else { return };
    let records: Vec<(RecordKind, Vec<u8>)> =
        content.chunks(usize::from(*piece).max(1)).map(|piece| (RecordKind::Blob, piece.to_vec())).collect();
    let (mut segment, ends) = segment_bytes(&records);
    if records.is_empty() {
        return;
    }
    let at = HEADER_LEN + usize::from(u16::from_le_bytes([*at_low, *at_high])) % (segment.len() - HEADER_LEN);
    let hit = ends.iter().position(|end| at < *end).expect("the place is within a record");
    let expected: Vec<usize> = if *flip == 0 {
        segment.truncate(at);
        (0..hit).collect()
    } else {
        segment[at] ^= *flip;
        (0..records.len()).filter(|index| *index != hit).collect()
    };
    let read: Vec<_> = segment::scan(&segment).records.iter().map(|record| record.arrival as usize).collect();
    assert_eq!(read, expected, "damage costs the record that it touches, and makes none");
}

/// A segment, and where each of its records ends. A record's arrival is its place.
fn segment_bytes(records: &[(RecordKind, Vec<u8>)]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = segment::header(1).to_vec();
    let mut ends = Vec::new();
    for (index, (kind, payload)) in records.iter().enumerate() {
        let place = bytes.len() as u64;
        bytes.extend(segment::header_of(*kind, index as i64, payload, segment::check_of(payload), place));
        bytes.extend_from_slice(payload);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

#[cfg(test)]
mod tests {
    use super::super::segment::RECORD_HEADER_LEN;
    use super::*;

    #[test]
    fn a_record_within_a_damaged_or_torn_record_is_no_record() {
        let inner = segment_bytes(&[(RecordKind::Blob, b"within".to_vec())]).0;
        let mut content = vec![b'x'; 4];
        content.extend(&inner[HEADER_LEN..]);
        content.extend([b'y'; 4]);
        let length = content.len() as u8;
        for at in 0..content.len() + RECORD_HEADER_LEN {
            for flip in [0, 1] {
                let at = (at as u16).to_le_bytes();
                let mut input = vec![length, at[0], at[1], flip];
                input.extend(&content);
                // A second record behind the first.
                input.extend(b"behind");
                check_damage(&input);
            }
        }
    }

    #[test]
    fn a_payload_that_looks_like_a_torn_record_costs_no_record_behind_it() {
        let inner = segment_bytes(&[(RecordKind::Blob, b"within".to_vec()), (RecordKind::Blob, vec![b'x'; 4_000])]).0;
        // A record and another's header, in a record whose own header is damaged.
        let content = &inner[HEADER_LEN..HEADER_LEN + 2 * RECORD_HEADER_LEN + 10];
        for at in 0..RECORD_HEADER_LEN as u8 {
            let mut input = vec![content.len() as u8, at, 0, 1];
            input.extend(content);
            input.extend(b"behind");
            check_damage(&input);
        }
    }

    #[test]
    fn segments_of_batches_and_blobs_hold_what_is_checked() {
        let batch = Batch::from_rows(&[kino_model::Span::default()], &[kino_model::LogRecord::default()]);
        let segment = segment_of(&[batch.clone(), batch], &[b"blob", b""]);
        for cut in 0..segment.len() {
            check_segment(&segment[..cut]);
        }
        for at in 0..segment.len() {
            let mut damaged = segment.clone();
            damaged[at] ^= 0x10;
            check_segment(&damaged);
            check_columns(&damaged[(HEADER_LEN + RECORD_HEADER_LEN).min(at)..]);
        }
    }
}
