//! Locks, unexplained time, clocks, and traces that are not whole.

use insta::assert_snapshot;

use super::{check, times};
use crate::finding::Code;

#[test]
fn long_waits_for_one_lock_are_contention() {
    let text = "save 0..100\n  write 0..90 kino.lock.name=store kino.lock.wait_nanos=40000000";
    assert_snapshot!(check(Code::LockContention, &times(3, text)), @"save waits 40.0 ms for the lock store in an execution, 40 % of it.");
    assert_eq!(check(Code::LockContention, &times(2, text)), "");
    assert_eq!(check(Code::LockContention, &times(9, &text.replace("40000000", "4000000"))), "");
}

#[test]
fn waits_in_a_circle_are_a_deadlock() {
    let text = "r 0..100
  a 0.. kino.lock.name=x kino.lock.owner=t1 kino.lock.holder=t2
  b 0.. kino.lock.name=y kino.lock.owner=t2 kino.lock.holder=t1";
    assert_snapshot!(check(Code::Deadlock, text), @"2 wait for each other in a circle below r, for the locks x, y.");
    assert_eq!(check(Code::Deadlock, &text.replace("holder=t1", "holder=t3")), "");
    assert_eq!(check(Code::Deadlock, &text.replace("0.. ", "0..5 ")), "");
}

#[test]
fn time_between_calls_that_nothing_explains_is_dead() {
    let text = "load 0..400\n  a 0..80\n  b 280..400";
    assert_snapshot!(check(Code::DeadTime, &times(3, text)), @"200 ms of load (50 %) pass in load between its calls, and nothing recorded says with what.");
    assert_eq!(check(Code::DeadTime, &times(2, text)), "");
    assert_eq!(check(Code::DeadTime, &times(3, "load 0..400\n  a 0..180\n  b 200..400")), "");
    // What any program computes between its calls.
    assert_eq!(check(Code::DeadTime, &times(3, "load 0..100\n  a 0..20\n  b 70..100")), "");
    assert_eq!(check(Code::DeadTime, &times(3, "load 0..100")), "");
}

#[test]
fn servers_outside_their_clients_mean_skewed_clocks() {
    let text = "r 0..100\n  GET 10..60 kind=client @web\n    GET 110..150 kind=server @shop";
    assert_snapshot!(check(Code::ClockSkew, &times(3, text)), @"the clock of shop is about 95.0 ms ahead of that of web: 3 of 3 server spans stick out of their client's.");
    assert_eq!(check(Code::ClockSkew, &times(2, text)), "");
    assert_eq!(check(Code::ClockSkew, &times(9, &text.replace("110..150", "15..55"))), "");
    // A server that goes on after its client gave up is no matter of clocks.
    assert_eq!(check(Code::ClockSkew, &times(9, &text.replace("110..150", "15..155"))), "");
}

#[test]
fn traces_that_are_not_whole_say_so() {
    assert_snapshot!(check(Code::BrokenTrace, "r 0..9\nlost 1..2 parent=77\nlost 3..4 parent=78"), @"1 of 1 traces of r are not whole: missing parents (2).");
    assert_snapshot!(check(Code::BrokenTrace, "a 0..9 kind=server\nb 1..2 kind=server\nc 3..4 kind=server"), @"1 of 1 traces of a are not whole: requests under one trace id (3).");
    assert_snapshot!(check(Code::BrokenTrace, "r 0..9\n  open 1.."), @"1 of 1 traces of r are not whole: spans that never ended (1).");
    let run = "w 0..90 kino.run.command=x\n  GET 1..2 kind=client\n  GET 3..4 kind=client\n  GET 5..6 kind=client\nlost 7..8 parent=77\nlost 8..9 parent=77";
    assert_snapshot!(check(Code::BrokenTrace, run), @"1 of 1 traces of GET are not whole: missing parents (2).");
    assert_eq!(check(Code::BrokenTrace, "continues a silent caller 0..9 parent=99\n  child 1..2"), "");
    assert_eq!(check(Code::BrokenTrace, "run 0..9 kino.run.command=x\n  still running 1.."), "");
}
