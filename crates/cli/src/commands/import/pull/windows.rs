//! Stretches of time: what of a range is not done yet, and how it is walked through in windows. Pure.

/// From one instant up to another, in Unix nanoseconds, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Stretch {
    /// The shortest stretch around it whose ends are multiples of `grain`.
    pub(super) fn rounded(self, grain: i64) -> Self {
        let start = self.start.div_euclid(grain) * grain;
        let end = self.end.saturating_add(grain - 1).div_euclid(grain) * grain;
        Self { start, end }
    }

    fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// Stretches that are done: sorted, apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done(Vec<Stretch>);

impl Done {
    /// Adds one; those that touch become one.
    pub(super) fn add(&mut self, mut new: Stretch) {
        if new.is_empty() {
            return;
        }
        self.0.retain(|old| {
            let is_apart = old.end < new.start || old.start > new.end;
            if !is_apart {
                new = Stretch { start: old.start.min(new.start), end: old.end.max(new.end) };
            }
            is_apart
        });
        let place = self.0.partition_point(|old| old.start < new.start);
        self.0.insert(place, new);
    }

    /// What of `range` is not done, the latest first.
    pub(super) fn gaps(&self, range: Stretch) -> Vec<Stretch> {
        let mut gaps = Vec::new();
        let mut start = range.start;
        for done in &self.0 {
            gaps.push(Stretch { start, end: done.start.min(range.end) });
            start = start.max(done.end);
        }
        gaps.push(Stretch { start, end: range.end });
        gaps.retain(|gap| !gap.is_empty());
        gaps.reverse();
        gaps
    }

    pub(super) fn stretches(&self) -> impl Iterator<Item = Stretch> {
        self.0.iter().copied()
    }
}

/// Walks through a stretch from its end, in windows whose width follows how much is in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    rest: Stretch,
    width: i64,
    grain: i64,
    width_max: i64,
}

impl Walk {
    pub(super) fn new(stretch: Stretch, grain: i64, width_max: i64) -> Self {
        Self { rest: stretch, width: width_max, grain, width_max }
    }

    /// The window to ask for; `None` at the end.
    pub(super) fn next(&self) -> Option<Stretch> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.rest.end.saturating_sub(self.width).max(self.rest.start);
        Some(Stretch { start, ..self.rest })
    }

    /// Makes the window half as wide. `false`: it has the shortest width already.
    pub(super) fn halve(&mut self) -> bool {
        let width = self.next().map_or(0, |window| window.end - window.start);
        if width <= self.grain {
            return false;
        }
        self.width = (width / 2).div_euclid(self.grain).max(1) * self.grain;
        true
    }

    /// Goes past the window; where there was little in it, the next one is twice as wide.
    pub(super) fn advance(&mut self, is_sparse: bool) {
        if let Some(window) = self.next() {
            self.rest.end = window.start;
        }
        if is_sparse {
            self.width = self.width.saturating_mul(2).min(self.width_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(start: i64, end: i64) -> Stretch {
        Stretch { start, end }
    }

    #[test]
    fn what_is_not_done_is_found_latest_first() {
        let mut done = Done::default();
        assert_eq!(done.gaps(stretch(0, 10)), [stretch(0, 10)]);
        done.add(stretch(2, 4));
        done.add(stretch(6, 8));
        done.add(stretch(5, 5));
        assert_eq!(done.gaps(stretch(0, 10)), [stretch(8, 10), stretch(4, 6), stretch(0, 2)]);
        assert_eq!(done.gaps(stretch(3, 7)), [stretch(4, 6)]);
        assert_eq!(done.gaps(stretch(2, 4)), []);
        assert_eq!(done.gaps(stretch(20, 30)), [stretch(20, 30)]);
        done.add(stretch(4, 6));
        assert_eq!(done.stretches().collect::<Vec<_>>(), [stretch(2, 8)]);
        done.add(stretch(-5, 20));
        assert_eq!(done.stretches().collect::<Vec<_>>(), [stretch(-5, 20)]);
    }

    /// Walks as a server with these instants would be asked that lists two at most; every instant is met.
    fn asked(instants: &[i64], range: Stretch) -> (Vec<i64>, usize) {
        let (mut walk, mut met, mut asked) = (Walk::new(range, 1, range.end - range.start), Vec::new(), 0);
        while let Some(window) = walk.next() {
            asked += 1;
            let inside: Vec<i64> =
                instants.iter().copied().filter(|at| (window.start..window.end).contains(at)).collect();
            if inside.len() >= 2 && walk.halve() {
                continue;
            }
            met.extend(&inside);
            walk.advance(inside.is_empty());
        }
        met.sort_unstable();
        (met, asked)
    }

    #[test]
    fn a_full_window_is_halved_and_an_empty_one_widens_the_next() {
        let instants = [1, 2, 3, 500, 501, 990];
        let (met, requests) = asked(&instants, stretch(0, 1_000));
        assert_eq!(met, instants);
        assert!(requests < 60, "{requests}");
        let crowd = [7; 5];
        assert_eq!(asked(&crowd, stretch(0, 16)).0, crowd);
        assert_eq!(asked(&[], stretch(5, 5)).1, 0);
    }

    #[test]
    fn stretches_are_rounded_outwards() {
        assert_eq!(stretch(1_500, 2_001).rounded(1_000), stretch(1_000, 3_000));
        assert_eq!(stretch(1_000, 2_000).rounded(1_000), stretch(1_000, 2_000));
    }
}
