//! Resources and scopes as their rows hold them: worked out once, put to many rows.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::Text;
use crate::attribute::Value;
use crate::columns::{Column, ColumnSource, Table, by_spelling};
use crate::span::{Resource, Scope};

/// Where an attribute key goes: a column's place, and the spelling's place among its spellings.
pub(super) type Promoted = HashMap<&'static [u8], (usize, usize)>;

pub(super) struct PromotedNames {
    pub(super) attributes: Promoted,
    resource: Promoted,
}

pub(super) static NAMES: LazyLock<[PromotedNames; 3]> = LazyLock::new(|| {
    Table::ALL.map(|table| {
        let promoted = |source| {
            let place = |(spelling, column): (&'static str, &'static Column)| {
                let index = table.column_index(column.name).expect("the column is of this table");
                let nth = column.spellings.iter().position(|known| *known == spelling);
                (spelling.as_bytes(), (index, nth.expect("the spelling is one of the column's")))
            };
            by_spelling(table, source).into_iter().map(place).collect()
        };
        PromotedNames { attributes: promoted(ColumnSource::Attribute), resource: promoted(ColumnSource::Resource) }
    })
});

/// A resource and a scope as columns hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceText {
    pub(super) json: Option<String>,
    /// For `spans` and `events`: the promoted columns with their texts.
    pub(super) promoted: [Vec<(usize, Text)>; 2],
}

/// A scope as columns hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeText {
    pub(super) json: Option<String>,
}

impl From<&Resource> for ResourceText {
    fn from(resource: &Resource) -> Self {
        let promoted = [Table::Spans, Table::Events].map(|table| {
            let columns = &NAMES[table as usize].resource;
            let mut promoted: Vec<(usize, Text)> = Vec::new();
            for (key, value) in &resource.attributes {
                if let Some(&(column, _)) = columns.get(key.as_bytes())
                    && let Value::String(text) = value
                    && !promoted.iter().any(|(taken, _)| *taken == column)
                {
                    promoted.push((column, text.clone()));
                }
            }
            promoted
        });
        let json = serde_json::to_string(resource).expect("a resource is plain data");
        Self { json: Some(json).filter(|_| *resource != Resource::default()), promoted }
    }
}

impl From<&Scope> for ScopeText {
    fn from(scope: &Scope) -> Self {
        let json = serde_json::to_string(scope).expect("a scope is plain data");
        Self { json: Some(json).filter(|_| *scope != Scope::default()) }
    }
}
