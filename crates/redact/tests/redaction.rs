//! How well redaction distinguishes secrets from everything else, on a labelled corpus that is made here.
//!
//! Each positive says which part of it must be gone; each negative must come back unchanged. Everything follows from
//! one seed, so that a figure in `docs/redaction.md` can be measured again with the command that is given there.

#[path = "redaction/corpus.rs"]
mod corpus;
#[path = "redaction/forms.rs"]
mod forms;

use std::collections::BTreeMap;

use corpus::{Case, negatives, positives};
use kino_redact::{Redactor, Rules};

/// What the corpus yields today, rounded down; a change that does worse has to say why.
const PRECISION_FLOOR: f64 = 0.99;
const RECALL_FLOOR: f64 = 0.97;

fn redactor() -> Redactor {
    Redactor::new([42; 32], Rules::default())
}

#[test]
fn precision_and_recall_stay_above_their_floors() {
    let redactor = redactor();
    let (mut missed, mut kinds) = (Vec::new(), BTreeMap::<&str, (u64, u64)>::new());
    let positives = positives();
    for Case { kind, text, secret } in &positives {
        let (redacted, _) = redactor.redact_text(text);
        let counts = kinds.entry(kind).or_default();
        counts.1 += 1;
        if redacted.contains(secret.as_str()) {
            missed.push(format!("{kind}: {text}"));
        } else {
            counts.0 += 1;
        }
    }
    let negatives = negatives();
    let mut wrong = Vec::new();
    for Case { kind, text, .. } in &negatives {
        let (redacted, fired) = redactor.redact_text(text);
        let counts = kinds.entry(kind).or_default();
        counts.1 += 1;
        if fired.is_empty() {
            assert_eq!(&redacted, text);
            counts.0 += 1;
        } else {
            wrong.push(format!("{kind}: {redacted}"));
        }
    }
    let hits = (positives.len() - missed.len()) as f64;
    let (precision, recall) = (hits / (hits + wrong.len() as f64), hits / positives.len() as f64);
    for (kind, (right, all)) in &kinds {
        println!("{kind:<24} {right:>5} of {all:>5} right");
    }
    println!("{} positives, {} negatives", positives.len(), negatives.len());
    println!("precision {precision:.4}, recall {recall:.4}");
    println!("missed:\n  {}\nwrong:\n  {}", missed.join("\n  "), wrong.join("\n  "));
    assert!(positives.len() >= 300 && negatives.len() >= 1000, "the corpus has shrunk");
    assert!(precision >= PRECISION_FLOOR, "precision {precision:.4}");
    assert!(recall >= RECALL_FLOOR, "recall {recall:.4}");
}

#[test]
fn redacting_twice_changes_nothing_more() {
    let redactor = redactor();
    for Case { text, .. } in positives().iter().chain(&negatives()) {
        let once = redactor.redact_text(text).0.into_owned();
        let (twice, fired) = redactor.redact_text(&once);
        assert!(fired.is_empty(), "{text}\n{once}\n{twice}");
    }
}

#[test]
fn the_number_of_lines_stays() {
    let redactor = redactor();
    for Case { text, .. } in positives() {
        let redacted = redactor.redact_text(&text).0.into_owned();
        assert_eq!(redacted.matches('\n').count(), text.matches('\n').count(), "{text}");
    }
}

#[test]
fn no_bytes_make_it_panic_or_take_long() {
    let redactor = redactor();
    let mut random = corpus::Random::new(7);
    // Every beginning and every end of a secret, and what a hostile sender would repeat.
    for Case { text, .. } in positives().iter().step_by(7) {
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            redactor.redact_text(&text[..at]);
            redactor.redact_text(&text[at..]);
        }
    }
    for _ in 0..2000 {
        let length = random.below(200);
        let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        redactor.redact_bytes(&bytes);
    }
    for piece in [
        "password=\"",
        "://a:",
        "@",
        "eyJhbGciOiJIUzI1NiJ9.",
        "-----BEGIN PRIVATE KEY-",
        "4111 ",
        "token: ",
        "DE89 ",
        "=password",
        "authorization: x ",
        "cookie: a ",
        "deepgram=a1B2c3D4e5F6g7H8i9J0k1 ",
        "https://a.alchemy.com/v2/",
        "mysql_connect(\"a\", ",
        "snmp-server community ",
        "Server=a;Password=b",
        "API Key\n",
    ] {
        redactor.redact_text(&piece.repeat(10_000));
    }
}
