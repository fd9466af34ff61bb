//! The state machine alone, and what looks make of executions.

use super::*;

fn set(line: &str, code: &str, newest: i64, executions: u64) -> Set {
    let code = (!code.is_empty()).then(|| code.to_owned());
    Set {
        line: line.to_owned(),
        first_code: code.clone(),
        last_code: code.clone(),
        code,
        oldest: newest - 1,
        newest,
        executions,
        median: Some(newest),
    }
}

fn opened() -> Life {
    Life::open(&set("main", "bad", 10, 5), 3, 11)
}

#[test]
fn it_opens_is_fixed_and_comes_back() {
    let mut life = opened();
    assert_eq!((life.state, life.opened_at_code.as_deref(), life.last_seen), (State::Open, Some("bad"), 10));
    assert!(!life.seen(&set("main", "bad", 20, 4), 21), "seeing it again is no change");
    assert!(life.gone(&set("main", "good", 30, 3), 31));
    let repair = life.repair.clone().unwrap();
    assert_eq!((repair.before_code.as_deref(), repair.after_code.as_deref()), (Some("bad"), Some("good")));
    assert_eq!((repair.executions_before, repair.executions_after, repair.effect()), (4, 3, Some(1.5)));
    assert!(!life.gone(&set("main", "good", 32, 3), 33), "gone for longer is no change");
    assert!(life.seen(&set("main", "worse", 40, 3), 41));
    assert_eq!((life.state, life.recurrences, life.changed), (State::Recurring, 1, 41));
    assert!(life.gone(&set("main", "better", 50, 3), 51));
    assert_eq!(life.state, State::Fixed);
}

#[test]
fn only_what_is_there_can_be_acknowledged() {
    let mut life = opened();
    assert!(life.acknowledge(false, 12) && !life.acknowledge(false, 13));
    assert!(life.acknowledge(true, 14));
    assert_eq!(life.state, State::Open);
    life.gone(&set("main", "good", 30, 3), 31);
    assert!(!life.acknowledge(false, 32));
    life.seen(&set("main", "", 40, 3), 41);
    life.acknowledge(false, 42);
    assert!(life.acknowledge(true, 43));
    assert_eq!(life.state, State::Recurring, "it is what it was before");
}

#[test]
fn old_code_in_another_worktree_does_not_bring_it_back() {
    let mut life = opened();
    life.gone(&set("main", "good", 30, 3), 31);
    assert!(!life.seen(&set("base", "bad", 40, 3), 41));
    assert_eq!((life.state, life.last_seen), (State::Fixed, 10));
    assert!(life.seen(&set("base", "new", 50, 3), 51), "new code does");
}

#[test]
fn what_was_not_looked_at_decays_and_what_is_fixed_stays() {
    let mut life = opened();
    assert!(!life.decay(11, 100));
    assert!(life.decay(12, 100));
    assert!(!life.decay(12, 101));
    assert!(life.seen(&set("main", "bad", 200, 3), 201));
    assert_eq!(life.state, State::Open);
    life.gone(&set("main", "good", 300, 3), 301);
    assert!(!life.decay(1_000, 1_001));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut life = opened();
    for number in 0..100 {
        let place = number.to_string();
        life.seen(&set(&place, &place, 20 + number, 3), 200);
    }
    assert_eq!((life.bad_codes.len(), life.judged.len()), (BAD_CODES_MAX, LINES_MAX));
    assert!(life.is_known_in("99") && !life.is_known_in("bad"));
    assert_eq!((life.judged_until("99"), life.judged_until("0")), (119, i64::MIN));
}
