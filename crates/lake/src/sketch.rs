//! A mergeable quantile sketch of durations: a histogram with exact counts in buckets of at most 1.6 % width.
//!
//! Buckets follow the bits of the value, 64 to each doubling (the layout of HdrHistogram), so that the bucket of a
//! value is the same on every machine, two sketches merge by adding, and what a sketch holds twice can be taken out
//! again by subtracting. A quantile is off by at most 0.8 % of its value.

use std::collections::BTreeMap;

use kino_model::exact::protobuf::{Reader, put_varint};

/// Sub-buckets of a doubling, as a power of two.
const PRECISION_BITS: u32 = 6;
const SUB_BUCKETS: u64 = 1 << PRECISION_BITS;

/// How many values fell into which bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    buckets: BTreeMap<u16, u64>,
    count: u64,
}

/// Bytes that are no sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a quantile sketch: its bytes are cut short or out of order")]
pub struct BadSketch;

impl Sketch {
    /// A sketch without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one value; negative ones count as zero.
    pub fn add(&mut self, nanos: i64) {
        self.add_bucket(bucket_of(nanos), 1);
    }

    /// Adds `count` values of one bucket, as [`bucket_of`] numbers them.
    pub fn add_bucket(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            *self.buckets.entry(bucket).or_default() += count;
            self.count += count;
        }
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        other.buckets.iter().for_each(|(bucket, count)| self.add_bucket(*bucket, *count));
    }

    /// Takes out what `other` holds, which should have been added before; a bucket stops at nothing.
    pub fn subtract(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            let here = self.buckets.entry(*bucket).or_default();
            let taken = (*here).min(*count);
            *here -= taken;
            self.count -= taken;
            if *here == 0 {
                self.buckets.remove(bucket);
            }
        }
    }

    /// How many values it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the quantile `q` (0 to 1) of the values by the nearest-rank rule; `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return Some(middle_of(*bucket));
            }
        }
        None
    }

    /// The bytes that [`Self::from_bytes`] reads: for each bucket the varints of its distance to the one before and
    /// of its count.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.buckets.len() * 3);
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            put_varint(&mut bytes, u64::from(bucket - before));
            put_varint(&mut bytes, *count);
            before = *bucket;
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// Where the bytes are cut short or name a bucket beyond the last.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSketch> {
        let mut sketch = Self::new();
        let mut bucket = 0u64;
        let mut reader = Reader::new(bytes);
        while !reader.bytes().is_empty() {
            bucket = bucket.checked_add(reader.varint().map_err(|_| BadSketch)?).ok_or(BadSketch)?;
            let count = reader.varint().map_err(|_| BadSketch)?;
            let index = u16::try_from(bucket).ok().filter(|index| *index <= bucket_of(i64::MAX)).ok_or(BadSketch)?;
            sketch.count.checked_add(count).ok_or(BadSketch)?;
            sketch.add_bucket(index, count);
        }
        Ok(sketch)
    }
}

/// The number of the bucket that a value falls into; negative values fall into the first.
pub fn bucket_of(nanos: i64) -> u16 {
    let value = nanos.max(0) as u64;
    if value < SUB_BUCKETS {
        return value as u16;
    }
    let shift = value.ilog2() - PRECISION_BITS;
    let within = (value >> shift) & (SUB_BUCKETS - 1);
    (((u64::from(shift) + 1) << PRECISION_BITS) | within) as u16
}

/// The value in the middle of a bucket.
fn middle_of(bucket: u16) -> i64 {
    let bucket = u64::from(bucket);
    if bucket < SUB_BUCKETS {
        return bucket as i64;
    }
    let shift = (bucket >> PRECISION_BITS) - 1;
    let low = (SUB_BUCKETS | (bucket & (SUB_BUCKETS - 1))) << shift;
    (low + ((1 << shift) >> 1)) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(mut values in prop::collection::vec(0i64..i64::MAX / 2, 1..200), q in 0.0..=1.0f64) {
            let mut sketch = Sketch::new();
            for value in &values {
                sketch.add(*value);
            }
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1) - 1;
            let (exact, estimate) = (values[rank] as f64, sketch.quantile(q).unwrap() as f64);
            prop_assert!((exact - estimate).abs() <= exact * 0.01, "{exact} estimated as {estimate}");
        }

        #[test]
        fn bytes_merging_and_subtracting_keep_every_count(
            left in prop::collection::vec(any::<i64>(), 0..100),
            right in prop::collection::vec(any::<i64>(), 0..100),
        ) {
            let of = |values: &[i64]| {
                let mut sketch = Sketch::new();
                for value in values {
                    sketch.add(*value);
                }
                sketch
            };
            let mut both = of(&left);
            both.merge(&of(&right));
            prop_assert_eq!(&both, &of(&[left.clone(), right.clone()].concat()));
            prop_assert_eq!(Sketch::from_bytes(&both.to_bytes()), Ok(both.clone()));
            both.subtract(&of(&right));
            prop_assert_eq!(both, of(&left));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(sketch) = Sketch::from_bytes(&bytes) {
                prop_assert_eq!(sketch.quantile(0.5).is_some(), sketch.count() > 0);
            }
        }
    }

    #[test]
    fn buckets_grow_with_the_value() {
        let values = [0, 1, 63, 64, 65, 127, 128, 130, 1_000, 1_000_000, i64::MAX];
        assert!(values.windows(2).all(|pair| bucket_of(pair[0]) < bucket_of(pair[1])));
        assert_eq!(bucket_of(-5), 0);
        assert_eq!(Sketch::new().quantile(0.5), None);
    }
}
