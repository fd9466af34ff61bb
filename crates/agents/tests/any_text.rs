//! Any text goes into the editors: none panics, and where one changes a text, what comes out is read again and the change
//! is taken back.

use kino_agents::jsonc::Document;
use kino_agents::{Agent, Edited, Extras, Program, Scope, marked, offers, places, toml_text};
use proptest::prelude::*;
use serde_json::json;

/// Pieces of settings files, right and wrong.
const PIECES: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"mcpServers\"",
    "\"kino\"",
    "\"hooks\"",
    "\"\\u00e9\"",
    "\"\\",
    "\"é",
    "1",
    "-2.5e3",
    "true",
    "null",
    " ",
    "\n",
    "\r\n",
    "\t",
    "// note\n",
    "/* é */",
    "/*",
    "\u{feff}",
    "a = 1\n",
    "[mcp_servers.x]\n",
    "[mcp_servers]\n",
    "mcp_servers = {}\n",
    "\"\"\"",
    "# note\n",
    "<!-- kinescope:start -->\n",
    "<!-- kinescope:end -->\n",
    "\u{2028}",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat())
}

/// Documents that can be read, in several layouts, with comments.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(&["1", "\"x\"", "{}", "[ ]", "null", "{ /* c */ }"][..]).prop_map(str::to_owned);
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        let blank = prop::sample::select(&["", " ", "\n  ", "\r\n\t", " // c\n", "/* c */"][..]);
        (prop::collection::vec((blank.clone(), inner), 1..4), blank, any::<bool>(), any::<bool>()).prop_map(
            |(parts, end, is_list, has_trailing)| {
                let part = |(index, (blank, value)): (usize, &(&str, String))| {
                    if is_list { format!("{blank}{value}") } else { format!("{blank}\"k{index}\": {value}") }
                };
                let comma = if has_trailing { "," } else { "" };
                let inside = parts.iter().enumerate().map(part).collect::<Vec<_>>().join(",");
                let (open, close) = if is_list { ('[', ']') } else { ('{', '}') };
                format!("{open}{inside}{comma}{end}{close}")
            },
        )
    });
    (value, prop::sample::select(&["{\"s\": V}", "{\n  \"s\": V\n}\n", "// c\n{\"z\":0,\n\t\"s\" : V ,}"][..]))
        .prop_map(|(value, around)| around.replace('V', &value))
}

proptest! {
    #[test]
    fn no_editor_panics_on_any_text(text in prop_oneof![soup(), any::<String>()]) {
        let variables = [("MARK".to_owned(), "1".to_owned())];
        for agent in Agent::ALL {
            let places = places(agent, &Scope::Project("/p".into()));
            let extras = Extras { has_stop: true, variables: &variables };
            for offer in offers(agent, &places, &places.servers[0], &Program("kino".to_owned()), extras) {
                for edit in &offer.edits {
                    if let Ok(Edited::Changed(new)) = edit.apply(Some(&text)) {
                        prop_assert_eq!(edit.apply(Some(&new)), Ok(Edited::Unchanged));
                        edit.take_back(&new, Some(&text)).ok();
                    }
                    edit.take_back(&text, None).ok();
                    edit.program(&text);
                    edit.is_made(&text);
                }
            }
        }
        marked::with(&text, "x").ok();
        toml_text::without_table(&text, ["mcp_servers", "kino"]);
    }

    #[test]
    fn what_is_added_to_a_document_is_taken_out_and_the_rest_means_the_same(text in document()) {
        let document = Document::parse(&text).unwrap();
        let mut expected = document.value();
        let new = document.with_member(&["new"], &json!({"a": [1, {"b": 2}]})).unwrap();
        expected["new"] = json!({"a": [1, {"b": 2}]});
        let read = Document::parse(&new).unwrap();
        prop_assert_eq!(read.value(), expected, "{}", new);
        let back = read.without_member(&["new"]);
        prop_assert_eq!(Document::parse(&back).unwrap().value(), document.value(), "{}", back);
        // Nothing of it is gone: what was there is there in order.
        let mut rest = new.chars();
        prop_assert!(text.chars().all(|c| rest.any(|found| found == c)), "{text:?} in {new:?}");
    }
}
