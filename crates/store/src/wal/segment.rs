//! The bytes of a log segment.
//!
//! ```text
//!  segment  magic "KINOWAL1" │ version u32 │ schema version u32 │ number u64 │ crc32c u32 of the bytes before
//!  record   mark "KREC" │ kind u8 │ 3 × 0 │ length u32 │ crc32c u32 of the payload │ arrival i64 │ place u64 │
//!           crc32c u32 of the header's bytes before │ payload
//! ```
//!
//! All integers are little-endian. The mark and the header's own checksum let a reader find the next record after a
//! damaged stretch; the place, where the record begins in the file, distinguishes it from a payload that resembles one.

/// The first bytes of every segment.
pub(crate) const MAGIC: &[u8; 8] = b"KINOWAL1";
/// The version of this layout and of the payloads in it. 2 brought columns without a schema of their own, 3 a record's
/// place in its header, 4 narrow numbers in columns; all that was written before is still read.
pub(crate) const VERSION: u32 = 4;
/// The first version whose records say their place.
const PLACED_SINCE: u32 = 3;
/// Length of a segment's header.
pub(crate) const HEADER_LEN: usize = 28;
/// The first bytes of every record.
const MARK: &[u8; 4] = b"KREC";
/// Length of a record's header.
pub(crate) const RECORD_HEADER_LEN: usize = 36;
/// The same before records said their place.
const OLD_RECORD_HEADER_LEN: usize = 28;
/// The largest payload: what one request may carry after decoding, with room to spare.
pub(crate) const PAYLOAD_MAX: usize = kino_lake::blobs::BLOB_BYTES_MAX;

/// The content of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// Rows.
    Batch = 1,
    /// A large value.
    Blob = 2,
}

/// A record's place and arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentRecord<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) arrival: i64,
    pub(crate) payload: &'a [u8],
    /// The offset at which it begins.
    pub(crate) at: usize,
}

/// The fields of a record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// All but its place.
    Old,
    Placed,
}

/// The start of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// One that this build reads.
    Ours,
    /// One of a newer layout or schema.
    Newer { version: u32, schema_version: u32 },
    /// Not a whole header.
    Damaged,
}

/// The records of a segment, and what could not be read.
#[derive(Debug)]
pub(crate) struct Scanned<'a> {
    pub(crate) header: Header,
    pub(crate) records: Vec<SegmentRecord<'a>>,
    /// Stretches that are not records, as (offset, length), and are followed by records.
    pub(crate) damaged: Vec<(usize, usize)>,
    /// The offset from which on nothing can be read; `None` where the last record ends with the bytes.
    pub(crate) torn_at: Option<usize>,
}

pub(crate) fn header(number: u64) -> [u8; HEADER_LEN] {
    assert!(number <= super::NUMBER_MAX, "a segment has a number that a reader skips");
    let mut bytes = [0; HEADER_LEN];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&kino_model::columns::SCHEMA_VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    let check = crc32c::crc32c(&bytes[..24]);
    bytes[24..].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// The checksum of a payload.
pub(crate) fn check_of(payload: &[u8]) -> u32 {
    crc32c::crc32c(payload)
}

/// The header of a record that begins at `place` in its file.
pub(crate) fn header_of(
    kind: RecordKind,
    arrival: i64,
    payload: &[u8],
    check: u32,
    place: u64,
) -> [u8; RECORD_HEADER_LEN] {
    assert!(payload.len() <= PAYLOAD_MAX, "a payload is larger than a reader accepts");
    let mut bytes = [0; RECORD_HEADER_LEN];
    bytes[..4].copy_from_slice(MARK);
    bytes[4] = kind as u8;
    bytes[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&check.to_le_bytes());
    bytes[16..24].copy_from_slice(&arrival.to_le_bytes());
    bytes[24..32].copy_from_slice(&place.to_le_bytes());
    let check = crc32c::crc32c(&bytes[..32]);
    bytes[32..].copy_from_slice(&check.to_le_bytes());
    bytes
}

impl Layout {
    fn header_len(self) -> usize {
        match self {
            Self::Old => OLD_RECORD_HEADER_LEN,
            Self::Placed => RECORD_HEADER_LEN,
        }
    }

    /// Returns the layout of a segment. Without a readable header the records decide: old layouts record no places.
    fn of(bytes: &[u8], header: Header) -> Self {
        let placed = match header {
            Header::Ours => u32_at(bytes, 8) >= PLACED_SINCE,
            Header::Newer { .. } | Header::Damaged => next_record(bytes, 0, Self::Placed).is_some(),
        };
        if placed { Self::Placed } else { Self::Old }
    }
}

/// Finds the records of a segment. Never fails: what cannot be read is named by its place.
pub(crate) fn scan(bytes: &[u8]) -> Scanned<'_> {
    let header = read_header(bytes);
    let mut scanned = Scanned { header, records: Vec::new(), damaged: Vec::new(), torn_at: None };
    if matches!(header, Header::Newer { .. }) {
        return scanned;
    }
    let layout = Layout::of(bytes, header);
    let mut at = if header == Header::Ours { HEADER_LEN } else { 0 };
    // Whether a record was written at `at`. What a search finds may be a payload's content that looks like a record.
    let mut is_boundary = header == Header::Ours;
    while at < bytes.len() {
        if let Some((record, next)) = read_record(bytes, at, layout) {
            scanned.records.push(record);
            at = next;
            continue;
        }
        let followed = if is_boundary { following(bytes, at, layout) } else { Following::Unknown };
        let found = match followed {
            Following::Record(found) => Some(found),
            Following::None => None,
            Following::Unknown => {
                is_boundary = false;
                next_record(bytes, at + 1, layout)
            }
        };
        let Some(found) = found else {
            scanned.torn_at = Some(at);
            break;
        };
        scanned.damaged.push((at, found - at));
        at = found;
    }
    scanned
}

fn read_header(bytes: &[u8]) -> Header {
    let Some(header) = bytes.get(..HEADER_LEN) else { return Header::Damaged };
    if &header[..8] != MAGIC || u32_at(header, 24) != crc32c::crc32c(&header[..24]) {
        return Header::Damaged;
    }
    let (version, schema_version) = (u32_at(header, 8), u32_at(header, 12));
    if version > VERSION || schema_version > kino_model::columns::SCHEMA_VERSION {
        return Header::Newer { version, schema_version };
    }
    Header::Ours
}

/// Whether a segment that begins with these bytes has records whose headers this build reads one by one.
pub(crate) fn is_placed(bytes: &[u8]) -> bool {
    read_header(bytes) == Header::Ours && u32_at(bytes, 8) >= PLACED_SINCE
}

/// What begins at a place of a segment whose records say their places.
pub(crate) enum Next<'a> {
    /// A whole record.
    Record(SegmentRecord<'a>),
    /// A record of this many bytes, header included, of which fewer are there.
    Longer(usize),
    /// No record, or a damaged one.
    Nothing,
}

/// The arrival of the record that begins at `place` of its segment, of which `bytes` are what follows.
pub(crate) fn arrival_at(bytes: &[u8], place: u64) -> Option<i64> {
    let (header, _) = record_header(bytes, place, Layout::Placed)?;
    Some(i64::from_le_bytes(header[16..24].try_into().expect("eight bytes")))
}

/// Reads what begins at `place` of its segment, of which `bytes` are what follows.
pub(crate) fn next_at(bytes: &[u8], place: u64) -> Next<'_> {
    let Some((header, kind)) = record_header(bytes, place, Layout::Placed) else { return Next::Nothing };
    let length = u32_at(header, 8) as usize;
    let Some(payload) = bytes.get(RECORD_HEADER_LEN..).and_then(|rest| rest.get(..length)) else {
        return Next::Longer(RECORD_HEADER_LEN + length);
    };
    if u32_at(header, 12) != crc32c::crc32c(payload) {
        return Next::Nothing;
    }
    let arrival = i64::from_le_bytes(header[16..24].try_into().expect("eight bytes"));
    Next::Record(SegmentRecord { kind, arrival, payload, at: place as usize })
}

/// Returns the header of a record at `at`; `None` where there is no whole one.
fn record_header_at(bytes: &[u8], at: usize, layout: Layout) -> Option<(&[u8], RecordKind)> {
    record_header(bytes.get(at..)?, at as u64, layout)
}

/// Returns the header of the record that begins with these bytes at `place` of its file.
fn record_header(bytes: &[u8], place: u64, layout: Layout) -> Option<(&[u8], RecordKind)> {
    let header = bytes.get(..layout.header_len())?;
    let (said, check) = header.split_at(header.len() - 4);
    if &header[..4] != MARK || u32_at(check, 0) != crc32c::crc32c(said) {
        return None;
    }
    if layout == Layout::Placed && header[24..32] != place.to_le_bytes() {
        return None;
    }
    match header[4] {
        1 => Some((header, RecordKind::Batch)),
        2 => Some((header, RecordKind::Blob)),
        _ => None,
    }
}

/// Returns the record at `at`, and where the next one begins.
fn read_record(bytes: &[u8], at: usize, layout: Layout) -> Option<(SegmentRecord<'_>, usize)> {
    let (header, kind) = record_header_at(bytes, at, layout)?;
    let length = u32_at(header, 8) as usize;
    let start = at + header.len();
    let payload = bytes.get(start..)?.get(..length)?;
    if u32_at(header, 12) != crc32c::crc32c(payload) {
        return None;
    }
    let arrival = i64::from_le_bytes(header[16..24].try_into().expect("eight bytes"));
    Some((SegmentRecord { kind, arrival, payload, at }, start + length))
}

/// What follows a damaged or torn record, by its header.
enum Following {
    /// A whole record at this offset.
    Record(usize),
    /// Nothing: the bytes end before the record or with it.
    None,
    /// Not known: the header is damaged too.
    Unknown,
}

/// Returns what follows a damaged or torn record that was written at `at`. A whole header says where the record ends: all
/// before that is payload, even if it resembles records. A record that would end after the last byte was being written.
fn following(bytes: &[u8], mut at: usize, layout: Layout) -> Following {
    while let Some((header, _)) = record_header_at(bytes, at, layout) {
        let end = at + header.len() + u32_at(header, 8) as usize;
        if end >= bytes.len() {
            return Following::None;
        }
        if read_record(bytes, end, layout).is_some() {
            return Following::Record(end);
        }
        at = end;
    }
    Following::Unknown
}

/// Returns the offset of the first whole record at or after `from`.
fn next_record(bytes: &[u8], from: usize, layout: Layout) -> Option<usize> {
    let mut at = from;
    while let Some(offset) = bytes.get(at..)?.windows(MARK.len()).position(|window| window == MARK) {
        at += offset;
        if read_record(bytes, at, layout).is_some() {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = header(7).to_vec();
        let mut ends = Vec::new();
        for (index, payload) in payloads.iter().enumerate() {
            let place = bytes.len() as u64;
            bytes.extend(header_of(RecordKind::Batch, index as i64, payload, check_of(payload), place));
            bytes.extend(payload);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    #[should_panic(expected = "a reader skips")]
    fn a_number_that_readers_skip_is_never_written() {
        header(super::super::NUMBER_MAX + 1);
    }

    /// A segment as version 2 wrote it: two blobs, arrived at 1 and 2.
    const VERSION_2: &str = "4b494e4f57414c3102000000010000000700000000000000af22ef8f4b524543020000000500000050a13e8a010000000000\
        00002eb8d52966697273744b52454302000000060000002894fd7a02000000000000008f2eb9f07365636f6e64";

    fn version_2() -> Vec<u8> {
        let digits: Vec<u32> = VERSION_2.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn segments_of_version_2_are_read_whole_cut_and_with_a_damaged_header() {
        let bytes = version_2();
        let read = |bytes: &[u8]| -> Vec<_> {
            let records = scan(bytes).records;
            records.iter().map(|record| (record.kind, record.arrival, record.payload.to_vec())).collect()
        };
        let (first, second) = ((RecordKind::Blob, 1, b"first".to_vec()), (RecordKind::Blob, 2, b"second".to_vec()));
        assert_eq!(scan(&bytes).header, Header::Ours);
        assert_eq!(read(&bytes), [first.clone(), second.clone()]);
        assert_eq!(read(&bytes[..bytes.len() - 1]), std::slice::from_ref(&first));
        let mut damaged = bytes.clone();
        damaged[20] ^= 1;
        assert_eq!(read(&damaged), [first, second.clone()]);
        let mut damaged = bytes;
        damaged[HEADER_LEN + 9] ^= 1;
        assert_eq!(read(&damaged), [second]);
    }

    #[test]
    fn a_record_at_another_offset_than_its_own_is_refused() {
        let (inner, _) = segment(&[b"within".to_vec()]);
        let (mut bytes, _) = segment(&[inner[HEADER_LEN..].to_vec(), b"behind".to_vec()]);
        // Damages the outer record's length, so that its end is unknown.
        bytes[HEADER_LEN + 8] ^= 1;
        let read: Vec<_> = scan(&bytes).records.iter().map(|record| record.payload).collect();
        assert_eq!(read, [b"behind"]);
        // Nor when the segment's own header is gone, too.
        bytes[0] ^= 1;
        let read: Vec<_> = scan(&bytes).records.iter().map(|record| record.payload).collect();
        assert_eq!(read, [b"behind"]);
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        // The mark's own letters are likely, so that a payload can look like a record.
        let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"KREC".to_vec())];
        proptest::collection::vec(proptest::collection::vec(byte, 0..80), 0..8)
    }

    proptest! {
        #[test]
        fn any_prefix_gives_the_whole_records_in_it(payloads in payloads(), cut in any::<proptest::sample::Index>()) {
            let (bytes, ends) = segment(&payloads);
            let cut = cut.index(bytes.len() + 1);
            let scanned = scan(&bytes[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let read: Vec<_> = scanned.records.iter().map(|record| record.payload.to_vec()).collect();
            prop_assert_eq!(&read, &payloads[..whole]);
            let last_end = ends[..whole].last().copied().unwrap_or(HEADER_LEN);
            let expected = if cut < HEADER_LEN { (cut > 0).then_some(0) } else { (cut > last_end).then_some(last_end) };
            prop_assert_eq!(scanned.torn_at, expected);
        }

        #[test]
        fn any_corruption_costs_only_the_records_it_touches(
            payloads in payloads(), at in any::<proptest::sample::Index>(), flip in 1..=255u8,
        ) {
            let (mut bytes, ends) = segment(&payloads);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let read: Vec<_> = scan(&bytes).records.iter().map(|record| (record.arrival, record.payload.to_vec())).collect();
            let hit = ends.iter().position(|end| at < *end).filter(|_| at >= HEADER_LEN);
            let expected: Vec<_> = payloads.iter().cloned().enumerate()
                .filter(|(index, _)| Some(*index) != hit).map(|(index, payload)| (index as i64, payload)).collect();
            let newer = matches!(read_header(&bytes), Header::Newer { .. });
            prop_assert!(newer || read == expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(scan(&bytes).records.is_empty());
        }
    }
}
