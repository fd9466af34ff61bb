//! The items of an answer, one a line: as JSON, or as comma-separated values.

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The `items` of an answer, or the `hits` of a search.
pub(super) fn of<T: Serialize>(answer: &T) -> Result<Vec<Json>, Failure> {
    let mut answer = serde_json::to_value(answer).map_err(|error| Failure::because("writing JSON", &error))?;
    let lists = ["items", "hits"].into_iter().map(|name| answer[name].take());
    Ok(lists.flat_map(|list| if let Json::Array(items) = list { items } else { Vec::new() }).collect())
}

/// One item a line.
pub(super) fn lines(items: &[Json]) -> String {
    items.iter().flat_map(|item| [item.to_string(), "\n".to_owned()]).collect()
}

/// A line of names, then one item a line. Fields of an object within an item have its name and a dot before theirs; a
/// list is JSON.
///
/// A text that a spreadsheet would take for a formula gets an apostrophe before it: recorded text may be hostile.
pub(super) fn csv(items: &[Json]) -> Result<String, Failure> {
    let rows: Vec<Map<String, Json>> = items.iter().map(flat).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(String::new());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = |error: csv::Error| Failure::because("writing comma-separated values", &error);
    writer.write_record(&names).map_err(written)?;
    for row in &rows {
        writer.write_record(names.iter().map(|name| row.get(*name).map(cell).unwrap_or_default())).map_err(written)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| Failure::because("writing comma-separated values", error.error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn flat(item: &Json) -> Map<String, Json> {
    let mut fields = Map::new();
    let mut open: Vec<(String, &Json)> = vec![(String::new(), item)];
    while let Some((name, value)) = open.pop() {
        match value {
            Json::Object(members) => {
                let dot = if name.is_empty() { "" } else { "." };
                open.extend(members.iter().rev().map(|(member, value)| (format!("{name}{dot}{member}"), value)));
            }
            value => drop(fields.insert(name, value.clone())),
        }
    }
    fields
}

fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) if text.starts_with(FORMULA) => format!("'{text}"),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_all_items_are_columns_and_formulas_are_texts() {
        let items = [
            json!({"id": "a", "entry": {"service": "shop", "name": "=1+1"}, "numbers": [1, 2], "none": null}),
            json!({"id": "b, \"c\"\n", "other": -3}),
        ];
        assert_eq!(
            csv(&items).unwrap(),
            "id,entry.service,entry.name,numbers,none,other\na,shop,'=1+1,\"[1,2]\",,\n\"b, \"\"c\"\"\n\",,,,,-3\n"
        );
        assert_eq!(lines(&[json!({"a": 1}), json!(2)]), "{\"a\":1}\n2\n");
    }

    #[test]
    fn an_answer_without_items_has_no_line() {
        assert_eq!(of(&json!({"schema": "x"})).unwrap(), Vec::<Json>::new());
        assert_eq!(csv(&[]).unwrap(), "");
    }
}
