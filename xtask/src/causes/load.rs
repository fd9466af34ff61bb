//! Requests to the gateway: visits of five kinds and of different frequency, at random times that do not wait for each
//! other.
//!
//! Who checks out has put a line into the basket before, and an order empties it: a checkout has one line and those
//! that others added since the last one, so that baskets are as full in one window as in another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::exec;
use crate::random::Random;

/// Visits a second, on average: with the second request of a checkout there are 16 requests.
const RATE: f64 = 13.76;
/// Kinds of visits, each with its share: they make 100 requests.
const KINDS: [(RequestKind, u64); 5] = [
    (RequestKind::Items, 40),
    (RequestKind::Item, 26),
    (RequestKind::AddLine, 3),
    (RequestKind::Checkout, 14),
    (RequestKind::Order, 3),
];
/// Between a line and the checkout, in milliseconds, drawn each time.
const LOOK_MILLIS: std::ops::Range<u64> = 200..1_000;
/// Items, and baskets with their orders.
const ITEMS: u64 = 500;
const BASKETS: u64 = 40;
/// A request is given up after this.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How often a request that no window counts is made until it is answered.
const TRIES: usize = 3;
/// Visits with a request under way at the same time; more are left out, and counted.
const UNDER_WAY_MAX: usize = 200;
/// The longest pause between two visits.
const PAUSE_SECONDS_MAX: f64 = 1.0;

#[derive(Clone, Copy, Debug)]
enum RequestKind {
    Items,
    Item,
    AddLine,
    Checkout,
    Order,
}

impl RequestKind {
    fn name(self) -> &'static str {
        match self {
            Self::Items => "GET /items",
            Self::Item => "GET /items/:item",
            Self::AddLine => "POST /baskets/:basket/lines",
            Self::Checkout => "POST /checkout",
            Self::Order => "GET /orders/:order",
        }
    }
}

/// How many requests of each kind were made, and how many failed, by name.
pub(super) type Counts = BTreeMap<&'static str, [u64; 2]>;

/// Requests that come while this lives.
#[derive(Debug)]
pub(super) struct Load {
    state: Arc<State>,
    address: String,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    ending: AtomicBool,
    /// What comes next follows from it.
    random: Mutex<Option<Random>>,
    counts: Mutex<Counts>,
    left_out: AtomicU64,
    under_way: AtomicUsize,
}

impl Load {
    /// Starts to send to the gateway at `address`.
    pub(super) fn start(address: &str) -> Self {
        let state = Arc::new(State::default());
        *lock(&state.random) = Some(Random(1));
        let (its, address) = (Arc::clone(&state), address.to_owned());
        let thread = Some(std::thread::spawn({
            let address = address.clone();
            move || send(&its, &address)
        }));
        Self { state, address, thread }
    }

    /// Orders each basket once, one after the other, so that each holds an order and no lines.
    /// These requests are counted nowhere.
    ///
    /// # Errors
    ///
    /// Where one of them is not answered.
    pub(super) fn order_each(&self) -> anyhow::Result<()> {
        let agent = agent();
        for basket in 1..=BASKETS {
            for kind in [RequestKind::AddLine, RequestKind::Checkout] {
                // What has just started may take too long over its first requests.
                let is_answered = (0..TRIES).any(|_| ask(&agent, &self.address, kind, basket, basket));
                ensure!(is_answered, "{} is not answered", kind.name());
            }
        }
        Ok(())
    }

    /// From now on, requests follow from this seed, and counts begin at zero.
    pub(super) fn restart(&self, seed: u64) {
        *lock(&self.state.random) = Some(Random(seed));
        lock(&self.state.counts).clear();
    }

    /// Counts since the last restart.
    pub(super) fn counts(&self) -> Counts {
        lock(&self.state.counts).clone()
    }

    /// Requests that were left out because too many were under way, since the start.
    pub(super) fn left_out(&self) -> u64 {
        self.state.left_out.load(Ordering::Relaxed)
    }

    /// Requests that are not answered yet.
    pub(super) fn under_way(&self) -> usize {
        self.state.under_way.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended as well.
            drop(thread.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(state: &Arc<State>, address: &str) {
    let agent = agent();
    let mut next = exec::now();
    // Those who check out take one basket after the other, so that no two are at the same one.
    let mut baskets = (1..=BASKETS).cycle();
    while !state.ending.load(Ordering::Relaxed) {
        let Visit { pause, kind, item, mut basket, look } = draw(lock(&state.random).get_or_insert(Random(1)));
        if let RequestKind::Checkout = kind {
            basket = baskets.next().unwrap_or(basket);
        }
        next += pause;
        std::thread::sleep(next.saturating_duration_since(exec::now()));
        if state.under_way.load(Ordering::Relaxed) >= UNDER_WAY_MAX {
            state.left_out.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let (agent, address, state) = (agent.clone(), address.to_owned(), Arc::clone(state));
        let request = move |kind: RequestKind| {
            state.under_way.fetch_add(1, Ordering::Relaxed);
            let is_answered = ask(&agent, &address, kind, item, basket);
            state.under_way.fetch_sub(1, Ordering::Relaxed);
            let mut counts = lock(&state.counts);
            let [made, failed] = counts.entry(kind.name()).or_default();
            *made += 1;
            *failed += u64::from(!is_answered);
        };
        std::thread::spawn(move || {
            if let RequestKind::Checkout = kind {
                request(RequestKind::AddLine);
                std::thread::sleep(look);
            }
            request(kind);
        });
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_LIMIT)).build().into()
}

/// What a visitor does.
#[derive(Debug)]
struct Visit {
    /// Since the visit before.
    pause: Duration,
    kind: RequestKind,
    item: u64,
    basket: u64,
    /// Between a line and the checkout.
    look: Duration,
}

fn draw(random: &mut Random) -> Visit {
    let uniform = (random.bits() >> 11) as f64 / (1u64 << 53) as f64;
    let seconds = (-(1.0 - uniform).ln() / RATE).min(PAUSE_SECONDS_MAX);
    let mut left = random.below(KINDS.iter().map(|(_, share)| share).sum());
    let mut chosen = RequestKind::Items;
    for (kind, share) in KINDS {
        chosen = kind;
        if left < share {
            break;
        }
        left -= share;
    }
    Visit {
        pause: Duration::from_secs_f64(seconds),
        kind: chosen,
        item: random.below(ITEMS),
        basket: 1 + random.below(BASKETS),
        look: Duration::from_millis(LOOK_MILLIS.start + random.below(LOOK_MILLIS.end - LOOK_MILLIS.start)),
    }
}

fn ask(agent: &ureq::Agent, address: &str, kind: RequestKind, item: u64, basket: u64) -> bool {
    let url = |path: String| format!("http://{address}{path}");
    let answer = match kind {
        RequestKind::Items => agent.get(url("/items".to_owned())).call(),
        RequestKind::Item => agent.get(url(format!("/items/{item}"))).call(),
        RequestKind::AddLine => agent.post(url(format!("/baskets/{basket}/lines"))).send_json(json!({ "item": item })),
        RequestKind::Checkout => agent.post(url("/checkout".to_owned())).send_json(json!({ "basket": basket })),
        RequestKind::Order => agent.get(url(format!("/orders/{basket}"))).call(),
    };
    answer.is_ok_and(|mut response| response.body_mut().read_to_vec().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_as_often_as_is_said() {
        let mut random = Random(7);
        let drawn: Vec<_> = (0..10_000).map(|_| draw(&mut random)).collect();
        let count = |is_wanted: fn(&RequestKind) -> bool| drawn.iter().filter(|visit| is_wanted(&visit.kind)).count();
        let rare = count(|kind| matches!(kind, RequestKind::Order));
        assert!((250..450).contains(&rare), "{rare}");
        let requests = drawn.len() + count(|kind| matches!(kind, RequestKind::Checkout));
        let seconds: f64 = drawn.iter().map(|visit| visit.pause.as_secs_f64()).sum();
        assert!((15.0..17.0).contains(&(requests as f64 / seconds)), "{requests} in {seconds}");
        assert!((9_000.0..11_000.0).contains(&(seconds * RATE)), "{seconds}");
    }
}
