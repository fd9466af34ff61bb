//! Neighbours: every core busy in bursts, with pauses between them, while a recording runs.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::exec;
use crate::random::Random;
use crate::system;

/// The shortest and the longest burst, and pause.
const MILLIS: std::ops::Range<u64> = 500..5_000;
/// How often a thread looks whether it is to burn, or to end.
const LOOK: Duration = Duration::from_millis(5);
/// Numbers that a burner goes through: 256 KiB, so that caches are shared as well as cores.
const NUMBERS: usize = 32 << 10;

/// Threads that burn while this lives.
#[derive(Debug)]
pub(super) struct Bursts {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    burning: AtomicBool,
    ending: AtomicBool,
}

impl Bursts {
    /// Starts one burner for each core; when they burn follows from the seed.
    pub(super) fn start(seed: u64) -> Self {
        let state = Arc::new(State::default());
        let mut threads = Vec::new();
        for _ in 0..system::cores() {
            let state = Arc::clone(&state);
            threads.push(std::thread::spawn(move || burn(&state)));
        }
        let schedule = Arc::clone(&state);
        threads.push(std::thread::spawn(move || alternate(&schedule, Random(seed))));
        Self { state, threads }
    }
}

impl Drop for Bursts {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A burner that panicked has ended as well.
            drop(thread.join());
        }
    }
}

fn alternate(state: &State, mut random: Random) {
    while !state.ending.load(Ordering::Relaxed) {
        let length = Duration::from_millis(MILLIS.start + random.below(MILLIS.end - MILLIS.start));
        let began = exec::now();
        while began.elapsed() < length && !state.ending.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
        state.burning.fetch_not(Ordering::Relaxed);
    }
}

fn burn(state: &State) {
    let mut numbers: Vec<u64> = (0..NUMBERS as u64).collect();
    while !state.ending.load(Ordering::Relaxed) {
        if state.burning.load(Ordering::Relaxed) {
            for number in &mut numbers {
                *number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7);
            }
            black_box(&numbers);
        } else {
            std::thread::sleep(LOOK);
        }
    }
}
