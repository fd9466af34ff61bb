//! Dictionaries in the making: each distinct value of a column once, found again by its hash.
//!
//! The hash has no secret, so that a sender may choose values that collide; a search is therefore given up after a few
//! steps, and the column then does without a dictionary.

use super::DICTIONARY_BYTES_MAX;

/// Places looked at before a search is given up: fair hashes in a table half full need far fewer.
const STEPS_MAX: usize = 64;
/// Slots of an empty table; a power of two.
const SLOTS_MIN: usize = 64;
/// The bytes before a text that say its length.
const LENGTH_BYTES: usize = 4;

/// The distinct values so far.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// The values as the dictionary's page has them.
    page: Vec<u8>,
    /// Where each value begins in the page.
    starts: Vec<u32>,
    hashes: Vec<u64>,
    /// One more than a value's place, or zero where there is none; twice as many as values, a power of two.
    slots: Vec<u32>,
    /// Bytes before each value that say its length.
    prefix: usize,
}

impl Dictionary {
    /// Of values of any length.
    pub(super) fn of_texts() -> Self {
        Self::new(LENGTH_BYTES)
    }

    /// Of values of the same length.
    pub(super) fn of_numbers() -> Self {
        Self::new(0)
    }

    fn new(prefix: usize) -> Self {
        Self { page: Vec::new(), starts: Vec::new(), hashes: Vec::new(), slots: vec![0; SLOTS_MIN], prefix }
    }

    /// The place of a value, which it gets where it has none; `None` where it cannot get one any more.
    pub(super) fn place(&mut self, value: &[u8], hash: u64) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        for _ in 0..STEPS_MAX {
            let Some(place) = (self.slots[slot] as usize).checked_sub(1) else {
                return self.add(value, hash, slot);
            };
            if self.hashes[place] == hash && self.value(place as u32) == value {
                return Some(place as u32);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    fn add(&mut self, value: &[u8], hash: u64, slot: usize) -> Option<u32> {
        if self.page.len() + self.prefix + value.len() > DICTIONARY_BYTES_MAX {
            return None;
        }
        self.page.extend_from_slice(&(value.len() as u32).to_le_bytes()[..self.prefix]);
        self.starts.push(self.page.len() as u32);
        self.page.extend_from_slice(value);
        self.hashes.push(hash);
        self.slots[slot] = self.hashes.len() as u32;
        if self.hashes.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(self.hashes.len() as u32 - 1)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 2 - 1;
        self.slots.clear();
        self.slots.resize(mask + 1, 0);
        for (hash, place) in self.hashes.iter().zip(1..) {
            let mut slot = *hash as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = place;
        }
    }

    /// The value at a place.
    pub(super) fn value(&self, place: u32) -> &[u8] {
        let place = place as usize;
        let end = self.starts.get(place + 1).map_or(self.page.len(), |next| *next as usize - self.prefix);
        &self.page[self.starts[place] as usize..end]
    }

    /// The hash that a value was added under.
    pub(super) fn hash(&self, place: u32) -> u64 {
        self.hashes[place as usize]
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The values as the dictionary's page has them.
    pub(super) fn into_page(self) -> Vec<u8> {
        self.page
    }
}
