//! The schema of each question fits what its type reads and writes.

use super::*;

/// The keywords that the generator writes; one that is not here would not be checked.
const KEYWORDS: [&str; 19] = [
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "oneOf",
    "pattern",
    "prefixItems",
    "properties",
    "required",
    "type",
];

struct Document(Json);

impl Document {
    fn resolved<'a>(&'a self, schema: &'a Json) -> &'a Json {
        match schema["$ref"].as_str() {
            Some(path) => self.resolved(self.0.pointer(path.strip_prefix('#').unwrap()).unwrap()),
            None => schema,
        }
    }

    /// Says why a value does not fit a schema.
    fn check(&self, schema: &Json, value: &Json) -> Result<(), String> {
        let Json::Object(keywords) = self.resolved(schema) else { return Ok(()) };
        let misfit = |what: &str| Err(format!("{value} does not fit {what} of {keywords:?}"));
        for (keyword, wanted) in keywords {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{keyword}");
            match keyword.as_str() {
                "type" => {
                    let is = |name: &Json| match name.as_str().unwrap() {
                        "null" => value.is_null(),
                        "boolean" => value.is_boolean(),
                        "integer" => value.is_i64() || value.is_u64(),
                        "number" => value.is_number(),
                        "string" => value.is_string(),
                        "array" => value.is_array(),
                        "object" => value.is_object(),
                        other => panic!("{other}"),
                    };
                    if !wanted.as_array().map_or_else(|| is(wanted), |names| names.iter().any(is)) {
                        return misfit(keyword);
                    }
                }
                "enum" if !wanted.as_array().unwrap().contains(value) => return misfit(keyword),
                "const" if wanted != value => return misfit(keyword),
                "pattern" if value.as_str().is_some_and(|text| text.len() != digits(wanted)) => return misfit(keyword),
                "minimum" if value.is_number() && value.as_f64() < wanted.as_f64() => return misfit(keyword),
                "anyOf" | "oneOf" if !wanted.as_array().unwrap().iter().any(|one| self.check(one, value).is_ok()) => {
                    return misfit(keyword);
                }
                "required" => {
                    let has = |name: &Json| value.get(name.as_str().unwrap()).is_some();
                    if value.is_object() && !wanted.as_array().unwrap().iter().all(has) {
                        return misfit(keyword);
                    }
                }
                "prefixItems" => {
                    let (items, values) = (wanted.as_array().unwrap(), value.as_array().unwrap());
                    if items.len() != values.len() {
                        return misfit(keyword);
                    }
                    items.iter().zip(values).try_for_each(|(item, value)| self.check(item, value))?;
                }
                "items" => value.as_array().into_iter().flatten().try_for_each(|item| self.check(wanted, item))?,
                "properties" => {
                    let given =
                        wanted.as_object().unwrap().iter().filter_map(|(name, it)| Some((it, value.get(name)?)));
                    given.into_iter().try_for_each(|(schema, value)| self.check(schema, value))?;
                }
                "additionalProperties" if *wanted == Json::Bool(false) => {
                    let is_known =
                        |name: &String| keywords.get("properties").is_some_and(|all| all.get(name).is_some());
                    if !value.as_object().into_iter().flat_map(|given| given.keys()).all(is_known) {
                        return misfit(keyword);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes a value that fits a schema, with every property: of several shapes the one with this number.
    fn fill(&self, schema: &Json, shape: usize) -> Json {
        let schema = self.resolved(schema);
        let shapes =
            ["oneOf", "anyOf", "enum"].iter().find_map(|keyword| Some((*keyword, schema[keyword].as_array()?)));
        if let Some((keyword, shapes)) = shapes {
            let chosen = &shapes[shape % shapes.len()];
            return if keyword == "enum" { chosen.clone() } else { self.fill(chosen, shape) };
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        let name = schema["type"].as_array().map_or(&schema["type"], |names| &names[shape % names.len()]);
        match name.as_str() {
            Some("null") => Json::Null,
            Some("boolean") => Json::Bool(true),
            Some("integer" | "number") => Json::from(1),
            Some("string") => Json::from("0".repeat(schema.get("pattern").map_or(1, digits))),
            Some("array") => match schema["prefixItems"].as_array() {
                Some(items) => items.iter().map(|item| self.fill(item, shape)).collect(),
                None => Json::from(vec![self.fill(&schema["items"], shape)]),
            },
            Some("object") => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                properties.map(|(name, schema)| (name.clone(), self.fill(schema, shape))).collect()
            }
            other => panic!("{other:?} in {schema}"),
        }
    }
}

/// How many hex digits a pattern asks for.
fn digits(pattern: &Json) -> usize {
    let count = pattern.as_str().unwrap().strip_prefix("^[0-9a-f]{").and_then(|rest| rest.strip_suffix("}$"));
    count.unwrap().parse().unwrap()
}

#[test]
fn the_schema_of_a_question_fits_what_it_reads_and_writes() {
    let document = Document(Engine::schema());
    let contracts = document.0["questions"].as_object().unwrap();
    assert_eq!(contracts.len(), Engine::read_and_write().len());
    for (name, read_and_write) in Engine::read_and_write() {
        let schema = &contracts[name]["question"];
        // More shapes than any question has.
        for shape in 0..12 {
            let filled = document.fill(schema, shape);
            let written = read_and_write(filled.clone()).unwrap_or_else(|problem| panic!("{filled}: {problem}"));
            document.check(schema, &filled).unwrap();
            document.check(schema, &written).unwrap();
        }
        if let Ok(written) = read_and_write(Json::Null) {
            document.check(schema, &written).unwrap();
            document.check(schema, &serde_json::json!({})).unwrap();
        }
        assert!(document.check(schema, &serde_json::json!({ "no such field": 1 })).is_err(), "{name}");
    }
}

#[test]
fn a_contract_says_who_may_ask() {
    let document = Engine::schema();
    assert_eq!(document["questions"]["forget"]["access"], "admin");
    assert_eq!(document["questions"]["find"]["answer"]["$ref"], "#/$defs/answers/Find");
}

#[test]
fn a_question_that_cannot_be_read_names_the_field() {
    let why = |question: Json| read::<find::FindQuestion>(question).unwrap_err();
    let wrong = why(serde_json::json!({ "service": "shop", "limit": "ten", "error": true }));
    assert_eq!(wrong.kind, kino_wire::ProblemKind::Invalid);
    assert_eq!(wrong.message, "the question `find`, field `limit`: invalid type: string \"ten\", expected usize");
    let within = why(serde_json::json!({ "scope": { "all": 1 } }));
    assert_eq!(within.message, "the question `find`, field `scope`: invalid type: integer `1`, expected a boolean");
    let unknown = why(serde_json::json!({ "servise": "shop" }));
    assert!(unknown.message.starts_with("the question `find`: unknown field `servise`"), "{unknown}");
}
