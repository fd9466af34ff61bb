//! A list's place: which entry is chosen, and which is at the top.

use crate::event::Key;

/// Which entry of a list is chosen, and from which on it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// The chosen entry.
    pub(crate) chosen: usize,
    /// The first entry that is shown.
    pub(crate) top: usize,
}

impl List {
    /// Moves as the key says; whether it was a key that moves.
    pub(crate) fn key(&mut self, key: Key, count: usize, rows: usize) -> bool {
        let last = count.saturating_sub(1);
        self.chosen = match key {
            Key::Up | Key::Char('k') => self.chosen.saturating_sub(1),
            Key::Down | Key::Char('j') => self.chosen + 1,
            Key::PageUp => self.chosen.saturating_sub(rows.max(1)),
            Key::PageDown => self.chosen + rows.max(1),
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => last,
            _ => return false,
        };
        self.fit(count, rows);
        true
    }

    /// Keeps the chosen entry within the list, and within what is shown.
    pub(crate) fn fit(&mut self, count: usize, rows: usize) {
        self.chosen = self.chosen.min(count.saturating_sub(1));
        let rows = rows.max(1);
        self.top = self.top.clamp((self.chosen + 1).saturating_sub(rows), self.chosen);
        self.top = self.top.min(count.saturating_sub(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_entry_is_always_shown() {
        let mut list = List::default();
        for key in [Key::End, Key::PageUp, Key::Up, Key::PageDown, Key::Home, Key::Down, Key::Char('G'), Key::Char('k')]
        {
            assert!(list.key(key, 100, 7));
            assert!(list.top <= list.chosen && list.chosen < list.top + 7, "{key:?} {list:?}");
        }
        assert_eq!(list.chosen, 98);
        list.fit(3, 7);
        assert_eq!(list, List { chosen: 2, top: 0 });
        assert!(!list.key(Key::Esc, 3, 7));
    }

    #[test]
    fn an_empty_list_is_no_trap() {
        let mut list = List { chosen: 5, top: 5 };
        assert!(list.key(Key::Down, 0, 0));
        assert_eq!(list, List::default());
    }
}
