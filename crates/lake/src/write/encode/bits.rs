//! The bit-level encodings of a page: runs and packed groups for levels and places in a dictionary, packed deltas for
//! lengths and whole numbers, as in Parquet's specification ("Encodings").

use kino_model::exact::protobuf::put_varint;

/// Values of a packed group.
const GROUP: usize = 8;
/// Equal values that would take this many bits packed are shorter as a run, including the cost of resuming packing.
const RUN_BITS: u32 = 32;
/// Deltas of a block, and of one of the blocks within it that have a width of their own.
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

/// Returns how many bits distinguish `distinct` values.
pub(super) fn width_of(distinct: usize) -> u32 {
    usize::BITS - distinct.saturating_sub(1).leading_zeros()
}

/// Appends values of `width` bits, at most 16, as runs and packed groups.
pub(super) fn put_hybrid(out: &mut Vec<u8>, values: &[u32], width: u32) {
    debug_assert!(width <= u128::BITS / GROUP as u32, "a group is packed in one word");
    let worth = RUN_BITS.checked_div(width).map_or(1, |values| values.max(GROUP as u32) as usize);
    let (mut packed, mut at) = (0, 0);
    while at < values.len() {
        let run = values[at..].iter().take_while(|value| **value == values[at]).count();
        if run < worth {
            at = (at + GROUP).min(values.len());
            continue;
        }
        put_packed(out, &values[packed..at], width);
        put_run(out, values[at], run, width);
        at += run;
        packed = at;
    }
    put_packed(out, &values[packed..], width);
}

/// Appends one value `count` times, as a run.
pub(super) fn put_run(out: &mut Vec<u8>, value: u32, count: usize, width: u32) {
    put_varint(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

fn put_packed(out: &mut Vec<u8>, values: &[u32], width: u32) {
    if values.is_empty() {
        return;
    }
    put_varint(out, (values.len().div_ceil(GROUP) as u64) << 1 | 1);
    for group in values.chunks(GROUP) {
        let packed =
            group.iter().zip(0..).fold(0u128, |packed, (value, at)| packed | u128::from(*value) << (at * width));
        out.extend_from_slice(&packed.to_le_bytes()[..width as usize]);
    }
}

/// Appends values as `DELTA_BINARY_PACKED`.
pub(super) fn put_deltas(out: &mut Vec<u8>, values: &[i64]) {
    for header in [BLOCK, BLOCK / MINIBLOCK, values.len()] {
        put_varint(out, header as u64);
    }
    let (first, rest) = values.split_first().map_or((0, values), |(first, rest)| (*first, rest));
    put_zigzag(out, first);
    let mut before = first;
    let mut deltas = [0i64; BLOCK];
    for block in rest.chunks(BLOCK) {
        for (delta, value) in deltas.iter_mut().zip(block) {
            *delta = value.wrapping_sub(before);
            before = *value;
        }
        let deltas = &deltas[..block.len()];
        let least = deltas.iter().copied().min().unwrap_or_default();
        put_zigzag(out, least);
        let mut widths = [0u8; BLOCK / MINIBLOCK];
        for (width, part) in widths.iter_mut().zip(deltas.chunks(MINIBLOCK)) {
            let bits = part.iter().fold(0, |bits, delta| bits | delta.wrapping_sub(least) as u64);
            *width = (u64::BITS - bits.leading_zeros()) as u8;
        }
        out.extend_from_slice(&widths);
        for (width, part) in widths.into_iter().zip(deltas.chunks(MINIBLOCK)) {
            put_miniblock(out, part.iter().map(|delta| delta.wrapping_sub(least) as u64), u32::from(width));
        }
    }
}

/// Packs values of `width` bits, with zeros up to a whole miniblock.
fn put_miniblock(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32) {
    let (mut bits, mut filled) = (0u128, 0);
    for value in values.chain(std::iter::repeat(0)).take(MINIBLOCK) {
        bits |= u128::from(value) << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&(bits as u64).to_le_bytes());
            bits >>= u64::BITS;
            filled -= u64::BITS;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..(filled / 8) as usize]);
}

fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}
