//! The trace filter of a group: "may this group hold that trace?" from 27 bits per trace, in memory.
//!
//! A binary fuse filter (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022) with three
//! places and 24-bit fingerprints: no false negatives, one false positive in 16 million. A trace that two groups seem
//! to hold is put together again and again, and with 16 bits, which older stores have, every one in a thousand did.
//!
//! ```text
//!  "KTF2"  seed u64  segment_length u32  segment_count u32  fingerprints 3 bytes …  (little endian)
//!  "KTF1"  the same with fingerprints of 2 bytes
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use kino_model::TraceId;

const MAGIC: &[u8; 4] = b"KTF2";
const WIDTH: usize = 3;
const OLDER_MAGIC: &[u8; 4] = b"KTF1";
const OLDER_WIDTH: usize = 2;
const HEADER_BYTES: usize = 4 + 8 + 4 + 4;
/// A construction fails with a probability of under one percent; a hundred failures in a row mean repeated keys.
const ATTEMPTS_MAX: u64 = 100;
/// Segments no longer than this stay within a processor's cache while the filter is built.
const SEGMENT_LENGTH_MAX: u32 = 1 << 18;

/// The set of trace ids of a group, approximately.
#[derive(Clone, Debug)]
pub struct TraceFilterSet {
    seed: u64,
    segment_length: u32,
    segment_count: u32,
    /// Bytes of a fingerprint.
    width: usize,
    fingerprints: Bytes,
}

/// Bytes that are no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a trace filter: {0}")]
pub struct BadFilter(&'static str);

impl TraceFilterSet {
    /// Builds the filter of `trace_ids`, in any order; repeats are harmless.
    pub fn build(trace_ids: &[TraceId]) -> Self {
        Self::of_width(trace_ids, WIDTH)
    }

    fn of_width(trace_ids: &[TraceId], width: usize) -> Self {
        let mut keys: Vec<u64> = trace_ids.iter().map(|id| fold(*id)).collect();
        keys.sort_unstable();
        keys.dedup();
        let (segment_length, segment_count) = layout(keys.len());
        let cells = cells(segment_length, segment_count);
        for attempt in 0..ATTEMPTS_MAX {
            let seed = mix(attempt ^ 0x9e37_79b9_7f4a_7c15);
            let empty = Self { seed, segment_length, segment_count, width, fingerprints: Bytes::new() };
            if let Some(values) = empty.solve(&keys, cells) {
                let mut bytes = BytesMut::with_capacity(values.len() * width);
                for value in values {
                    bytes.put_slice(&value.to_le_bytes()[..width]);
                }
                return Self { fingerprints: bytes.freeze(), ..empty };
            }
        }
        unreachable!("distinct keys always find a seed")
    }

    /// Whether the set may hold this trace; `false` is certain.
    pub fn may_hold(&self, trace_id: TraceId) -> bool {
        let hash = mix(fold(trace_id) ^ self.seed);
        let [a, b, c] = self.places(hash).map(|place| self.fingerprint(place));
        a ^ b ^ c == self.short(hash)
    }

    /// The bytes that [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + self.fingerprints.len());
        bytes.put_slice(if self.width == WIDTH { MAGIC } else { OLDER_MAGIC });
        bytes.put_u64_le(self.seed);
        bytes.put_u32_le(self.segment_length);
        bytes.put_u32_le(self.segment_count);
        bytes.put_slice(&self.fingerprints);
        bytes.freeze()
    }

    /// Reads what [`Self::to_bytes`] wrote, without copying the fingerprints.
    ///
    /// # Errors
    /// Where the bytes are cut, of another format, or their header does not fit their length.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, BadFilter> {
        let header = bytes.get(..HEADER_BYTES).ok_or(BadFilter("it is cut short"))?;
        let width = match header.first_chunk() {
            Some(MAGIC) => WIDTH,
            Some(OLDER_MAGIC) => OLDER_WIDTH,
            _ => return Err(BadFilter("it begins with neither KTF1 nor KTF2")),
        };
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let seed = u64::from(word(4)) | u64::from(word(8)) << 32;
        let (segment_length, segment_count) = (word(12), word(16));
        let shaped = segment_length.is_power_of_two() && segment_length <= SEGMENT_LENGTH_MAX && segment_count > 0;
        let fingerprints = bytes.slice(HEADER_BYTES..);
        let cells = (u64::from(segment_count) + 2) * u64::from(segment_length);
        if !shaped || fingerprints.len() as u64 != width as u64 * cells {
            return Err(BadFilter("its length does not fit its header"));
        }
        Ok(Self { seed, segment_length, segment_count, width, fingerprints })
    }

    fn fingerprint(&self, place: usize) -> u32 {
        let mut value = [0; 4];
        value[..self.width].copy_from_slice(&self.fingerprints[place * self.width..(place + 1) * self.width]);
        u32::from_le_bytes(value)
    }

    /// The fingerprint of a hash.
    fn short(&self, hash: u64) -> u32 {
        (hash ^ (hash >> 32)) as u32 & (u32::MAX >> (32 - 8 * self.width))
    }

    /// One place in each of three neighbouring segments.
    fn places(&self, hash: u64) -> [usize; 3] {
        let span = u64::from(self.segment_count) * u64::from(self.segment_length);
        let first = ((u128::from(hash) * u128::from(span)) >> 64) as u64;
        let length = u64::from(self.segment_length);
        let mask = length - 1;
        let second = (first + length) ^ ((hash >> 18) & mask);
        let third = (first + 2 * length) ^ (hash & mask);
        [first as usize, second as usize, third as usize]
    }

    /// Peels the keys off in an order in which each has a place of its own, then fills the places backwards.
    fn solve(&self, keys: &[u64], cells: usize) -> Option<Vec<u32>> {
        let mut counts = vec![0u8; cells];
        let mut hashes = vec![0u64; cells];
        for key in keys {
            let hash = mix(key ^ self.seed);
            for place in self.places(hash) {
                counts[place] = counts[place].checked_add(1)?;
                hashes[place] ^= hash;
            }
        }
        let mut alone: Vec<usize> = (0..cells).filter(|place| counts[*place] == 1).collect();
        let mut order: Vec<(u64, usize)> = Vec::with_capacity(keys.len());
        while let Some(place) = alone.pop() {
            if counts[place] != 1 {
                continue;
            }
            let hash = hashes[place];
            order.push((hash, place));
            for other in self.places(hash) {
                counts[other] -= 1;
                hashes[other] ^= hash;
                if counts[other] == 1 {
                    alone.push(other);
                }
            }
        }
        if order.len() != keys.len() {
            return None;
        }
        let mut values = vec![0u32; cells];
        for (hash, place) in order.into_iter().rev() {
            let others = self.places(hash).into_iter().filter(|other| *other != place);
            values[place] = others.fold(self.short(hash), |value, other| value ^ values[other]);
        }
        Some(values)
    }
}

/// The paper's segment length and size factor for three places.
fn layout(keys: usize) -> (u32, u32) {
    let size = keys.max(2) as f64;
    let exponent = (size.ln() / 3.33_f64.ln() + 2.25).floor() as u32;
    let segment_length = (1u32 << exponent.min(18)).min(SEGMENT_LENGTH_MAX);
    let factor = (0.875 + 0.25 * 1e6_f64.ln() / size.ln()).max(1.125);
    let capacity = (keys as f64 * factor).round() as u32;
    let segments = capacity.div_ceil(segment_length).saturating_sub(2).max(1);
    (segment_length, segments)
}

fn cells(segment_length: u32, segment_count: u32) -> usize {
    (segment_count as usize + 2) * segment_length as usize
}

fn fold(id: TraceId) -> u64 {
    let value = u128::from_le_bytes(id.0);
    mix(value as u64) ^ (value >> 64) as u64
}

/// The finaliser of MurmurHash3.
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> TraceId {
        TraceId((number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_le_bytes())
    }

    #[test]
    fn what_went_in_is_always_found() {
        for size in [0u128, 1, 2, 3, 10, 100, 1_000, 50_000] {
            let ids: Vec<TraceId> = (0..size).map(id).collect();
            let filter = TraceFilterSet::from_bytes(&TraceFilterSet::build(&ids).to_bytes()).unwrap();
            assert!(ids.iter().all(|id| filter.may_hold(*id)), "{size} ids");
        }
    }

    #[test]
    fn ids_that_differ_in_few_bits_and_repeats_build_too() {
        let mut ids: Vec<TraceId> = (0..3_000u128).map(|number| TraceId(number.to_be_bytes())).collect();
        ids.extend_from_within(..100);
        let filter = TraceFilterSet::build(&ids);
        assert!(ids.iter().all(|id| filter.may_hold(*id)));
    }

    #[test]
    fn strangers_hardly_ever_pass_and_a_trace_costs_about_27_bits() {
        let ids: Vec<TraceId> = (0..100_000).map(id).collect();
        let filter = TraceFilterSet::build(&ids);
        let passed = (1_000_000..1_200_000).filter(|number| filter.may_hold(id(*number))).count();
        assert!(passed < 2, "{passed} of 200,000");
        assert!(filter.to_bytes().len() < 100_000 * 15 / 4, "{} bytes", filter.to_bytes().len());
    }

    #[test]
    fn filters_of_older_stores_are_read() {
        let ids: Vec<TraceId> = (0..3_000).map(id).collect();
        let bytes = TraceFilterSet::of_width(&ids, OLDER_WIDTH).to_bytes();
        assert!(bytes.starts_with(b"KTF1"));
        let filter = TraceFilterSet::from_bytes(&bytes).unwrap();
        assert!(ids.iter().all(|id| filter.may_hold(*id)));
        assert!((10_000..11_000).filter(|number| filter.may_hold(id(*number))).count() < 3);
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        let good = TraceFilterSet::build(&[id(1), id(2)]).to_bytes();
        for end in 0..good.len() {
            assert!(TraceFilterSet::from_bytes(&good.slice(..end)).is_err(), "{end} bytes");
        }
        let mut wrong = good.to_vec();
        wrong[0] = b'X';
        assert!(TraceFilterSet::from_bytes(&Bytes::from(wrong)).is_err());
    }
}
