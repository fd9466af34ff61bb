//! Sums over many intervals of time, each in a logarithm of their number.

/// How many intervals there are at each time, and the integral of that.
#[derive(Default)]
pub(super) struct Density {
    times: Vec<i64>,
    /// From this time on.
    counts: Vec<i64>,
    /// Up to this time.
    sums: Vec<i128>,
}

impl Density {
    pub(super) fn new(intervals: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut changes: Vec<(i64, i64)> = Vec::new();
        for (start, end) in intervals.filter(|(start, end)| end > start) {
            changes.extend([(start, 1), (end, -1)]);
        }
        changes.sort_unstable();
        let mut density = Self::default();
        let (mut count, mut sum) = (0i64, 0i128);
        for (time, change) in changes {
            if let Some(&last) = density.times.last() {
                sum += i128::from(count) * (i128::from(time) - i128::from(last));
            }
            count += change;
            if density.times.last() == Some(&time) {
                *density.counts.last_mut().expect("as many as times") = count;
            } else {
                density.times.push(time);
                density.counts.push(count);
                density.sums.push(sum);
            }
        }
        density
    }

    /// The integral up to `time`.
    fn until(&self, time: i64) -> i128 {
        let Some(at) = self.times.partition_point(|&it| it <= time).checked_sub(1) else { return 0 };
        self.sums[at] + i128::from(self.counts[at]) * (i128::from(time) - i128::from(self.times[at]))
    }

    /// The integral from `start` to `end`.
    pub(super) fn between(&self, start: i64, end: i64) -> f64 {
        (self.until(end.max(start)) - self.until(start)) as f64
    }

    /// How many there are at `time`.
    pub(super) fn at(&self, time: i64) -> i64 {
        self.times.partition_point(|&it| it <= time).checked_sub(1).map_or(0, |at| self.counts[at])
    }

    /// The stretches between two changes: start, end, and how many there are.
    pub(super) fn steps(&self) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
        self.times.windows(2).zip(&self.counts).map(|(pair, &count)| (pair[0], pair[1], count))
    }
}

/// Intervals as those stretches that at least one of them covers, in time order.
pub(super) fn union(mut intervals: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    intervals.retain(|(start, end)| end > start);
    intervals.sort_unstable();
    let mut union: Vec<(i64, i64)> = Vec::new();
    for (start, end) in intervals {
        match union.last_mut().filter(|last| start <= last.1) {
            Some(last) => last.1 = last.1.max(end),
            None => union.push((start, end)),
        }
    }
    union
}
