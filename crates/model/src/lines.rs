//! Lines of source files: ranges of them, and which files have lines whose execution can be recorded.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Endings of files whose executed lines `kino run --lines` records.
const RECORDED: [&str; 9] = [".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"];

/// Lines that follow each other, both ends included. The first line of a file is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LineRange {
    /// The first line.
    pub first: u32,
    /// The last one; not before the first.
    pub last: u32,
}

impl LineRange {
    /// Returns how many lines these are; 0 where the ends are the wrong way round.
    pub fn count(self) -> u64 {
        (u64::from(self.last) + 1).saturating_sub(u64::from(self.first))
    }
}

/// Returns lines as ranges, ascending.
pub fn ranges(lines: &BTreeSet<u32>) -> Vec<LineRange> {
    let mut found: Vec<LineRange> = Vec::new();
    for &line in lines {
        match found.last_mut() {
            Some(range) if range.last.checked_add(1) == Some(line) => range.last = line,
            _ => found.push(LineRange { first: line, last: line }),
        }
    }
    found
}

/// Returns the lines of ranges, each once; at most `lines_max` lines are looked at.
pub fn lines(ranges: &[LineRange], lines_max: usize) -> BTreeSet<u32> {
    ranges.iter().flat_map(|range| range.first..=range.last).take(lines_max).collect()
}

/// Returns whether lines of a file with this name can be recorded.
pub fn is_recorded(path: &str) -> bool {
    RECORDED.iter().any(|ending| path.ends_with(ending)) && !path.ends_with(".d.ts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lines_are_each_others_inverse() {
        for wanted in [&[][..], &[1], &[1, 2, 3, 7, 9, 10], &[u32::MAX]] {
            let set: BTreeSet<u32> = wanted.iter().copied().collect();
            assert_eq!(lines(&ranges(&set), 100), set);
        }
        let range = |first, last| LineRange { first, last };
        assert_eq!(ranges(&BTreeSet::from([1, 2, 4])), [range(1, 2), range(4, 4)]);
        assert_eq!(lines(&[range(1, u32::MAX)], 3), BTreeSet::from([1, 2, 3]));
        assert_eq!((range(4, 2).count(), range(2, 4).count()), (0, 3));
    }
}
