//! What every answer lacks because it cannot be read: a field `damage` in whichever answer it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Groups of files that are damaged or gone, and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Damage {
    /// Groups of files.
    pub groups: u64,
    /// The spans that the catalog says they hold.
    pub spans: u64,
}

impl Damage {
    /// The field of an answer; it is absent where nothing is damaged.
    pub const FIELD: &str = "damage";

    /// What an answer says of it.
    pub fn of(answer: &Json) -> Option<Self> {
        Self::deserialize(answer.get(Self::FIELD)?).ok()
    }

    /// Says it in an answer.
    pub fn put(self, answer: &mut Json) {
        if let (Json::Object(fields), Ok(damage)) = (answer, serde_json::to_value(self)) {
            fields.insert(Self::FIELD.to_owned(), damage);
        }
    }

    /// For a person.
    pub fn sentence(self) -> String {
        let Self { groups, spans } = self;
        let are = if groups == 1 { "group of files is" } else { "groups of files are" };
        format!("{groups} damaged {are} left out, with {spans} of the spans: `kino doctor` names the files")
    }
}
