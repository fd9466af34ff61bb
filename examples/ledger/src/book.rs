//! Transfers, booked by several threads under one lock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::Span;

const TELLERS: u32 = 4;
const TRANSFERS_EACH: u32 = 12;
/// Between two transfers, a teller greets the next customer.
const GREETING: Duration = Duration::from_millis(2);
/// A receipt goes to a slow disk.
const RECEIPT: Duration = Duration::from_millis(6);

type Accounts = Mutex<HashMap<u32, i64>>;

/// Books transfers from every teller at once.
pub(crate) fn transfers(fixed: bool) {
    let accounts = Accounts::default();
    thread::scope(|scope| {
        for teller in 0..TELLERS {
            let accounts = &accounts;
            scope.spawn(move || {
                for number in 0..TRANSFERS_EACH {
                    thread::sleep(GREETING);
                    book(accounts, teller, number, fixed);
                }
            });
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "the wait is what is measured")]
fn book(accounts: &Accounts, teller: u32, number: u32, fixed: bool) {
    let mut span = crate::span("transfer.book", file!(), line!(), "book");
    let asked = Instant::now();
    let mut locked = accounts.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = i64::try_from(asked.elapsed().as_nanos()).unwrap_or(i64::MAX);
    span.add_event(
        "lock.acquired",
        vec![KeyValue::new("kino.lock.name", "accounts"), KeyValue::new("kino.lock.wait_nanos", waited)],
    );
    *locked.entry(teller).or_default() -= i64::from(number);
    *locked.entry((teller + 1) % TELLERS).or_default() += i64::from(number);
    if fixed {
        drop(locked);
        thread::sleep(RECEIPT);
    } else {
        thread::sleep(RECEIPT);
        drop(locked);
    }
    span.end();
}
