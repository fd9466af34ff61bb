//! Views that a key opens from anywhere: each is a file with its key, its question, how its answer reads, and its tests.
//!
//! ```text
//!  key ─► View::ask ─► the engine ─► answer ─► View::lines ─► a page
//! ```
//!
//! A row of [`VIEWS`] is all that the others know of one: the keys, the help and the pages follow from it.

mod operations;
mod services;

use kino_text::Tone;
use kino_text::figures::counted;
use kino_wire::ask::Scope;

use crate::document::Line;
use crate::event::{Answer, Ask, Key};

/// A page that a key opens.
pub(crate) struct View {
    /// The key; no other key of the lists or pages is the same.
    pub(crate) key: char,
    /// What the page is called.
    pub(crate) title: &'static str,
    /// What it shows, as the help says it.
    pub(crate) about: &'static str,
    /// What it asks.
    pub(crate) ask: fn(Scope) -> Ask,
    /// Its answer, to be read: every recorded text through [`Line::new`]. `None` for the answer of another view.
    pub(crate) lines: fn(&Answer) -> Option<Vec<Line>>,
}

/// All of them, in the order of the help.
pub(crate) const VIEWS: &[View] = &[services::VIEW, operations::VIEW];

/// Returns the view that this key opens.
pub(crate) fn opened_by(key: Key) -> Option<&'static View> {
    VIEWS.iter().find(|view| key == Key::Char(view.key))
}

/// Returns a view's answer as lines; `None` where no view asks for such an answer.
pub(crate) fn lines(answer: &Answer) -> Option<Vec<Line>> {
    VIEWS.iter().find_map(|view| (view.lines)(answer))
}

/// What a list leaves out: further rows, and spans of which the store does not know whose they are.
fn beyond(what: &str, left_out: u64, other_spans: u64) -> impl Iterator<Item = Line> {
    let rows = (left_out > 0).then(|| format!("and {}", counted(left_out, &format!("further {what}"))));
    let spans = (other_spans > 0).then(|| format!("and {} whose {what} was not counted", counted(other_spans, "span")));
    [rows, spans].into_iter().flatten().map(|text| Line::new(&text).tone(Tone::Faint))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::update::KEYS;

    #[test]
    fn each_view_has_a_key_of_its_own() {
        let keys: BTreeSet<char> = VIEWS.iter().map(|view| view.key).collect();
        assert_eq!(keys.len(), VIEWS.len());
        let is_taken = |key: &char| KEYS.iter().any(|(keys, _)| keys.split(' ').any(|taken| *taken == key.to_string()));
        assert_eq!(keys.iter().find(|key| is_taken(key)), None);
    }
}
