//! How much the time of unchanged code varies from run to run, and from one occasion to the next.
//!
//! A run counts by its *location*: the median of the logarithms of its executions' durations. Differences between
//! locations of runs at one state of the code are noise. They are stored as sums of squares, which can be merged, apart
//! for runs that follow each other and for occasions, since a machine differs more between hours than within minutes.

use std::collections::BTreeMap;

/// Runs whose starts are farther apart than this belong to different occasions, in nanoseconds.
pub const OCCASION_GAP_NANOS: i64 = 10 * 60 * 1_000_000_000;

/// What a stall of the machine (other processes, a disk that is flushed) adds to a run, in nanoseconds.
const STALL_NANOS: f64 = 1e7;

/// One run of one operation, or of a total.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located {
    /// Its start, Unix nanoseconds.
    pub start: i64,
    /// The median of the logarithms of its durations in nanoseconds.
    pub location: f64,
    /// By which part of the duration a stall of the machine may change it; 0 for a median of several, which no single
    /// stall moves.
    pub stall: f64,
    /// The share of the machine's cores that other programs used meanwhile, from 0 to 1; `None` where it is not known.
    pub others_cpu: Option<f64>,
}

impl Located {
    /// The median of several logarithms.
    pub const fn new(start: i64, location: f64) -> Self {
        Self { start, location, stall: 0.0, others_cpu: None }
    }

    /// The logarithm of one duration.
    pub fn once(start: i64, log_nanos: f64) -> Self {
        Self { stall: (STALL_NANOS.ln() - log_nanos).exp(), ..Self::new(start, log_nanos) }
    }

    /// The same beside programs that used this share of the cores.
    #[must_use]
    pub fn beside(self, others_cpu: Option<f64>) -> Self {
        Self { others_cpu, ..self }
    }
}

/// Squared differences between locations of unchanged code.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Squares {
    /// How many differences.
    pub count: u32,
    /// The sum of their squares.
    pub sum: f64,
}

impl Squares {
    /// Adds one difference.
    pub fn add(&mut self, difference: f64) {
        self.count += 1;
        self.sum += difference * difference;
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    /// The variance of one of the two that each difference is between; `None` without any.
    pub fn variance(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / (2.0 * f64::from(self.count)))
    }
}

/// What is known of the noise of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Between runs that follow each other on one occasion.
    pub near: Squares,
    /// Between means of occasions that follow each other.
    pub far: Squares,
}

impl Noise {
    /// Adds what another knows.
    pub fn merge(&mut self, other: &Self) {
        self.near.merge(other.near);
        self.far.merge(other.far);
    }

    /// What runs of one state of the code say; they may come in any order.
    pub fn of(runs: &[Located]) -> Self {
        let mut noise = Self::default();
        let mut sorted: Vec<Located> = runs.to_vec();
        sorted.sort_by_key(|run| run.start);
        let mut last_mean: Option<f64> = None;
        for occasion in sorted.chunk_by(|left, right| right.start.saturating_sub(left.start) <= OCCASION_GAP_NANOS) {
            for pair in occasion.windows(2) {
                noise.near.add(pair[1].location - pair[0].location);
            }
            let mean = occasion.iter().map(|run| run.location).sum::<f64>() / occasion.len() as f64;
            if let Some(last) = last_mean.replace(mean) {
                noise.far.add(mean - last);
            }
        }
        noise
    }
}

/// What is timed: a root operation or inner one by service and name, or a total of whole runs by its name alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timed {
    /// Service and span name.
    Operation(String, String),
    /// A total of a run.
    Total(Total),
}

/// What is summed up over a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Total {
    /// The durations of all its root executions.
    Roots,
    /// From its start to its end.
    Wall,
    /// Processor time of the command and its children.
    Cpu,
}

impl Total {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Roots, Self::Wall, Self::Cpu];

    /// The name in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Roots => "roots",
            Self::Wall => "wall",
            Self::Cpu => "cpu",
        }
    }

    /// Returns the value that is written so; `None` where no value is.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|total| total.name() == name)
    }
}

/// What is known of noise from earlier runs of the same command on this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    known: BTreeMap<Timed, Noise>,
}

impl History {
    /// Knows nothing.
    pub const fn new() -> Self {
        Self { known: BTreeMap::new() }
    }

    /// Adds what runs at one state of the code say.
    pub fn learn(&mut self, timed: Timed, runs: &[Located]) {
        self.known.entry(timed).or_default().merge(&Noise::of(runs));
    }

    /// What is known of one; nothing counts as no differences.
    pub fn of(&self, timed: &Timed) -> Noise {
        self.known.get(timed).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * 1_000_000_000;

    fn run(minute: i64, location: f64) -> Located {
        Located::new(minute * MINUTE, location)
    }

    #[test]
    fn neighbours_and_occasions_are_counted_separately() {
        let noise = Noise::of(&[run(0, 1.0), run(1, 1.1), run(2, 1.2), run(100, 1.6), run(101, 1.4)]);
        assert_eq!((noise.near.count, noise.far.count), (3, 1));
        assert!((noise.near.sum - (0.01 + 0.01 + 0.04)).abs() < 1e-12);
        assert!((noise.far.sum - 0.16).abs() < 1e-12, "{}", noise.far.sum);
        assert!((noise.near.variance().unwrap() - 0.01).abs() < 1e-12);
    }

    #[test]
    fn histories_of_several_states_add_up() {
        let timed = Timed::Total(Total::Wall);
        let mut history = History::default();
        history.learn(timed.clone(), &[run(0, 1.0), run(1, 1.1)]);
        history.learn(timed.clone(), &[run(5, 3.0), run(6, 3.1)]);
        assert_eq!(history.of(&timed).near.count, 2, "the step between two states of the code is no noise");
        assert_eq!(history.of(&Timed::Total(Total::Cpu)), Noise::default());
    }
}
