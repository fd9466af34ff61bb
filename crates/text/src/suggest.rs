//! "Did you mean": the nearest right names to a wrong one.

use std::collections::BTreeSet;

/// How many names are suggested.
const SUGGESTIONS_MAX: usize = 5;
/// Characters of a name that are compared: comparing takes time by the product of two lengths.
const COMPARED_MAX: usize = 200;
/// Names less alike than this are no help.
const LIKENESS_MIN: f64 = 0.7;

/// At most five names nearest to `wrong`, best first. A name that holds `wrong`, or differs in case alone, is near.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let beginning = |text: &str| text.chars().take(COMPARED_MAX).flat_map(char::to_lowercase).collect::<String>();
    let lower = beginning(wrong);
    let names: BTreeSet<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let score = |name: &str| {
        let name = beginning(name);
        let contains = !lower.is_empty() && (name.contains(&lower) || lower.contains(&name));
        strsim::jaro_winkler(&lower, &name).max(if contains { 0.9 } else { 0.0 })
    };
    let mut scored: Vec<(f64, &str)> = names.into_iter().map(|name| (score(name), name)).collect();
    scored.retain(|(score, _)| *score >= LIKENESS_MIN);
    scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    scored.into_iter().take(SUGGESTIONS_MAX).map(|(_, name)| name.to_owned()).collect()
}

/// The name nearest to `wrong`; `None` where none is near.
pub fn best<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, names).into_iter().next()
}

/// The names nearest to `wrong`, or, where none is near, the first few there are; each once. For names that a reader
/// knows: an id that is unlike the wrong one is no help.
pub fn or_all<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let near = nearest(wrong, names.clone());
    if !near.is_empty() {
        return near;
    }
    let mut first: Vec<&str> = Vec::new();
    for name in names {
        if first.len() < SUGGESTIONS_MAX && !name.is_empty() && !first.contains(&name) {
            first.push(name);
        }
    }
    first.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wrong: &str, expected: &[&str]) {
        let names = ["GET /users", "GET /orders", "summary.generate", "dialogue.generate", "checkout", ""];
        assert_eq!(nearest(wrong, names), expected, "{wrong}");
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        check("chekout", &["checkout"]);
        check("CHECKOUT", &["checkout"]);
        check("summary", &["summary.generate"]);
        check("zzz", &[]);
    }

    #[test]
    fn names_that_repeat_are_suggested_once() {
        assert_eq!(or_all("zzz", ["main", "main", "", "base", "main"].into_iter()), ["main", "base"]);
    }
}
