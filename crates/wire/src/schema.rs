//! The contracts of all questions as one document, for those who generate types or check messages.
//!
//! ```text
//!  { "schema": "kino.schema.v1",
//!    "questions": { NAME: { "access", "question": JSON Schema, "answer": JSON Schema } },
//!    "$defs": { "questions": {…}, "answers": {…} } }
//! ```
//!
//! Definitions come twice, since a field with a default may be absent from a question and is always in an answer.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use crate::ask::Question;

/// The name and version of the document.
pub const SCHEMA: &str = "kino.schema.v1";

/// Collects contracts; [`Contracts::finish`] gives the document.
#[derive(Debug)]
pub struct Contracts {
    questions: SchemaGenerator,
    answers: SchemaGenerator,
    by_name: Map<String, Json>,
}

impl Default for Contracts {
    fn default() -> Self {
        let settings = |settings: SchemaSettings, path: &'static str| {
            settings.with(|settings| settings.definitions_path = path.into()).into_generator()
        };
        Self {
            questions: settings(SchemaSettings::draft2020_12(), "/$defs/questions"),
            answers: settings(SchemaSettings::draft2020_12().for_serialize(), "/$defs/answers"),
            by_name: Map::new(),
        }
    }
}

impl Contracts {
    /// Adds the contract of a question.
    pub fn add<Q: Question>(&mut self) {
        let question = self.questions.subschema_for::<Q>();
        let answer = self.answers.subschema_for::<Q::Answer>();
        let contract = json!({ "access": Q::ACCESS, "question": question, "answer": answer });
        self.by_name.insert(Q::NAME.to_owned(), contract);
    }

    /// Returns the document.
    pub fn finish(mut self) -> Json {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "schema": SCHEMA,
            "questions": self.by_name,
            "$defs": { "questions": self.questions.take_definitions(true), "answers": self.answers.take_definitions(true) },
        })
    }
}
