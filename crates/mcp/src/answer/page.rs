//! Where an answer goes on: the tables that have rows left, each from a row on.

/// The most tables that a cursor names: more than any answer has.
const TABLES_MAX: usize = 16;

/// A later page of an answer: rows of some of its tables, each from an offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    offsets: Vec<(String, usize)>,
}

impl Page {
    /// Reads a cursor that an earlier answer gave: `TABLE:OFFSET`, several with commas between them.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
        let mut offsets = Vec::new();
        for part in cursor.split(',') {
            let (table, offset) = part.rsplit_once(':')?;
            offsets.push((table.to_owned(), offset.parse().ok()?));
        }
        (offsets.len() <= TABLES_MAX).then_some(Self { offsets })
    }

    /// The first row of the page in the table of that name; `None` where the page has none of it.
    pub(crate) fn offset(&self, table: &str) -> Option<usize> {
        self.offsets.iter().find(|(name, _)| name == table).map(|(_, offset)| *offset)
    }

    /// Adds a table whose rows from `offset` on are left.
    pub(crate) fn add(&mut self, table: &str, offset: usize) {
        self.offsets.push((table.to_owned(), offset));
    }

    /// The cursor, as [`Page::parse`] reads it; `None` where no row is left.
    pub(crate) fn cursor(&self) -> Option<String> {
        let parts: Vec<String> = self.offsets.iter().map(|(table, offset)| format!("{table}:{offset}")).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        let mut page = Page::default();
        assert_eq!(page.cursor(), None);
        page.add("findings", 4);
        page.add("critical_path", 12);
        let cursor = page.cursor().unwrap();
        assert_eq!(cursor, "findings:4,critical_path:12");
        assert_eq!(Page::parse(&cursor), Some(page));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for wrong in ["", ":", "findings", "findings:x", "findings:-1", "a:1,,b:2", &"a:1,".repeat(40)] {
            assert_eq!(Page::parse(wrong), None, "{wrong:?}");
        }
    }
}
