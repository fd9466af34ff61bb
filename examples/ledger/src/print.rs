//! Statements, whose time scatters by itself: some are long, and the printer has its moods.

use std::thread;
use std::time::Duration;

use opentelemetry::trace::Span;

/// What a statement takes in the middle.
const USUAL: Duration = Duration::from_millis(25);
/// How much it scatters: the standard deviation of its logarithm.
const NOISE: f64 = 0.1;

/// Prints statements one after the other, each slower by `percent`.
pub(crate) fn statements(count: u32, percent: u32, seed: u64) {
    let mut noise = Noise(seed);
    for _ in 0..count {
        let mut span = crate::span("statement.print", file!(), line!(), "statements");
        thread::sleep(USUAL.mul_f64((NOISE * noise.next()).exp() * (1.0 + f64::from(percent) / 100.0)));
        span.end();
    }
}

/// Standard normal numbers from a seed: the sum of twelve uniform ones (`SplitMix64`) less six.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        let uniform = |mixed: u64| (mixed >> 11) as f64 / (1u64 << 53) as f64;
        (0..12).map(|_| uniform(self.bits())).sum::<f64>() - 6.0
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
