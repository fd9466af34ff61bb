//! Where source declares a route: a path in quotes, in a place where frameworks take routes.
//!
//! ```text
//!  @app.get("/orders/{id}")   router.get('/orders/:id', …)   path("orders/<int:pk>/", …)   #[get("/orders/{id}")]
//!           └── quoted ──┘ the call before it says whether a route is declared, and for which method
//! ```
//!
//! A client's call looks alike; by its receiver, by `await`, and by having no second argument it is distinguished. A route
//! may be mounted below a prefix: the rest of it has to be declared where routes are mounted, best in the same file.

use std::collections::BTreeSet;

use super::path::{self, PARAMETER};
use super::source::SourceLanguage;
use super::{HITS_MAX, Hit, SourceLine, WHOLE, line_at};

/// The longest quoted text that is looked at.
const QUOTED_BYTES_MAX: usize = 200;
/// How far around a quoted text its call is looked for.
const AROUND_BYTES: usize = 300;
/// What begins and ends a text of several lines in Python.
const DOCSTRING: &str = "\"\"\"";
/// The rank of a route whose prefix is set in the same file.
const SAME_FILE: u8 = 6;
/// The rank of one whose prefix is set in another.
const ELSEWHERE: u8 = 3;

/// Calls that declare a route for any method.
const DECLARING: [&str; 18] = [
    "route",
    "add_url_rule",
    "add_route",
    "add_api_route",
    "api_route",
    "handlefunc",
    "handle",
    "handlerfunc",
    "all",
    "any",
    "match",
    "resource",
    "rule",
    "requestmapping",
    "maproute",
    "path",
    "re_path",
    "url",
];
/// Calls and keywords under whose path others are mounted.
const MOUNTING: [&str; 20] = [
    "use",
    "mount",
    "scope",
    "nest",
    "group",
    "mapgroup",
    "namespace",
    "controller",
    "requestmapping",
    "routeprefix",
    "path",
    "re_path",
    "url",
    "route",
    "prefix",
    "url_prefix",
    "path_prefix",
    "base_path",
    "basepath",
    "register",
];
/// Those of them that concern another file's routes.
const MOUNTING_OTHERS: [&str; 8] =
    ["include_router", "register_blueprint", "register", "mount", "include", "use", "path", "re_path"];
/// Whose `get` asks a server, or a table.
const CLIENTS: [&str; 40] = [
    "client",
    "http",
    "https",
    "requests",
    "request",
    "session",
    "axios",
    "fetch",
    "httpx",
    "agent",
    "api",
    "api_client",
    "apiclient",
    "test_client",
    "testclient",
    "supertest",
    "resttemplate",
    "webclient",
    "got",
    "ky",
    "superagent",
    "cache",
    "config",
    "redis",
    "params",
    "headers",
    "cookies",
    "os",
    "env",
    "environ",
    "storage",
    "localstorage",
    "map",
    "dict",
    "$http",
    "instance",
    "service",
    "_client",
    "async_client",
    "c",
];

/// A route that is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    method: Option<&'static str>,
    segments: Vec<String>,
    ends_in_slash: bool,
}

impl Route {
    /// Reads `GET /orders/{id}`, with or without the method. `None` where a search could not distinguish it from others.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (method, template) = match text.split_once(' ') {
            Some((method, template)) if path::is_method(method) => (path::method_of(method), template),
            _ => (None, text),
        };
        let segments = path::segments(template.trim())?;
        let is_fixed = |segment: &String| segment != PARAMETER;
        // Anything at all: what answers where nothing else does.
        if !segments.is_empty() && !segments.iter().any(is_fixed) {
            return None;
        }
        Some(Self { method, segments, ends_in_slash: template.trim_end_matches('$').ends_with('/') })
    }

    /// Whether a file's text can declare it, or a part of it.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        let fixed = |segment: &String| segment.split(PARAMETER).max_by_key(|part| part.len()).map(str::to_owned);
        self.segments.is_empty()
            || self.segments.iter().filter_map(fixed).any(|part| !part.is_empty() && text.contains(part.as_str()))
    }

    fn allows(&self, methods: &[&'static str]) -> bool {
        let asked = self.method.map(|method| if method == "HEAD" { "GET" } else { method });
        methods.is_empty() || asked.is_none_or(|asked| asked == "OPTIONS" || methods.contains(&asked))
    }
}

/// A path that a file names where routes are declared or mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) segments: Vec<String>,
    ends_in_slash: bool,
    line: u32,
    /// Whether it can be a whole route, or the end of one.
    is_route: bool,
    /// The methods that it is for; empty for any.
    methods: Vec<&'static str>,
    mounts: Mounts,
    /// The router: what a route is declared on, and what a prefix is set for. `None` where that is not written there.
    router: Option<String>,
}

/// Whose routes lie below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mounts {
    Nothing,
    /// Those of the same file.
    Here,
    /// Those of another file.
    Others,
}

impl Declared {
    /// Whether other routes may lie below it.
    pub(super) fn can_mount(&self) -> bool {
        self.mounts != Mounts::Nothing && !self.segments.is_empty()
    }
}

/// Where a route may be declared.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteHits {
    hits: Vec<(Hit, Vec<String>)>,
}

impl RouteHits {
    /// Adds what a file declares of the route.
    pub(super) fn add(&mut self, route: &Route, declared: &[Declared], path: &str, is_test: bool) {
        let here = |it: &&Declared| it.mounts == Mounts::Here && !it.segments.is_empty();
        let prefixes: Vec<&Declared> = declared.iter().filter(here).collect();
        for one in declared.iter().filter(|one| one.is_route && route.allows(&one.methods)) {
            let Some(rest) = route.segments.strip_suffix(one.segments.as_slice()) else { continue };
            let is_fixed = one.segments.iter().any(|segment| segment != PARAMETER);
            let concerns = |prefix: &Declared| match (&prefix.router, &one.router) {
                (Some(prefixed), Some(own)) => prefixed == own,
                _ => true,
            };
            let of_it = prefixes.iter().filter(|prefix| concerns(prefix)).map(|prefix| prefix.segments.as_slice());
            let others = || of_it.clone().filter(|prefix| *prefix != one.segments.as_slice());
            let (rank, missing) = if rest.is_empty() {
                // Below a prefix it would be another route.
                let is_below = others().any(|prefix| !route.segments.starts_with(prefix));
                if one.ends_in_slash != route.ends_in_slash && !route.segments.is_empty() {
                    continue;
                }
                (if is_below { ELSEWHERE } else { WHOLE }, Vec::new())
            } else if let Some(prefix) = others().filter(|prefix| rest.ends_with(prefix)).max_by_key(|it| it.len()) {
                (SAME_FILE, rest[..rest.len() - prefix.len()].to_vec())
            } else if is_fixed {
                (ELSEWHERE, rest.to_vec())
            } else {
                continue;
            };
            if self.hits.len() < HITS_MAX {
                let place = SourceLine { path: path.to_owned(), line: one.line };
                self.hits.push((Hit { place, rank, is_test }, missing));
            }
        }
    }

    /// The places whose missing beginning is mounted somewhere; of those that lack one, such as lack least.
    pub(super) fn finish(self, route: &Route, mounts: &BTreeSet<Vec<String>>) -> Vec<Hit> {
        let mut hits = self.hits;
        hits.retain(|(_, missing)| is_mounted(missing, mounts));
        let least = hits.iter().filter(|(hit, _)| hit.rank == ELSEWHERE).map(|(_, missing)| missing.len()).min();
        hits.retain(|(hit, missing)| hit.rank != ELSEWHERE || Some(missing.len()) == least);
        debug_assert!(hits.iter().all(|(_, missing)| missing.len() <= route.segments.len()));
        hits.into_iter().map(|(hit, _)| hit).collect()
    }
}

/// Whether a path is made of ones that routes are mounted at.
fn is_mounted(missing: &[String], mounts: &BTreeSet<Vec<String>>) -> bool {
    missing.is_empty()
        || (1..=missing.len()).any(|end| mounts.contains(&missing[..end]) && is_mounted(&missing[end..], mounts))
}

/// Every path that a file names where routes are declared or mounted.
pub(super) fn declared(text: &str, language: SourceLanguage) -> Vec<Declared> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\'' | b'`')) {
        let open = at + next;
        at = open + 1;
        // A text of several lines holds no routes but as examples.
        if language == SourceLanguage::Python && text[open..].starts_with(DOCSTRING) {
            at = text[open + DOCSTRING.len()..]
                .find(DOCSTRING)
                .map_or(bytes.len(), |end| open + end + 2 * DOCSTRING.len());
            continue;
        }
        let quote = bytes[open];
        let ends = bytes[at..].iter().take(QUOTED_BYTES_MAX + 1).position(|byte| *byte == quote || *byte == b'\n');
        let Some(length) = ends.filter(|length| bytes[at + length] == quote) else { continue };
        let (quoted, close) = (&text[at..at + length], at + length);
        let (method, template) = with_method(quoted);
        if template.contains(' ') {
            continue;
        }
        at = close + 1;
        let Some(segments) = path::segments(template) else { continue };
        if is_comment(&text[..open]) {
            continue;
        }
        let before = before(text, open);
        let after = after(text, close + 1);
        let Some(usage) = usage(before, after, language) else { continue };
        let methods = match (method, usage.method) {
            (Some(method), _) | (None, Some(method)) => vec![method],
            (None, None) if usage.is_route => methods_of(before, after, &usage.call, language),
            (None, None) => Vec::new(),
        };
        let Usage { is_route, mounts, router, .. } = usage;
        let ends_in_slash = template.trim_end_matches('$').ends_with('/');
        found.push(Declared { segments, ends_in_slash, line: line_at(text, open), is_route, methods, mounts, router });
    }
    found
}

/// Whether a text ends within a comment that takes its line.
fn is_comment(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
    line.starts_with("//") || line.starts_with('*') || line.starts_with("/*") || line.starts_with("# ")
}

/// `GET /orders` as method and path.
fn with_method(quoted: &str) -> (Option<&'static str>, &str) {
    match quoted.split_once(' ') {
        Some((method, path)) if path::is_method(method) && path.starts_with('/') => (path::method_of(method), path),
        _ => (None, quoted),
    }
}

fn before(text: &str, at: usize) -> &str {
    let start = (at.saturating_sub(AROUND_BYTES)..=at).find(|start| text.is_char_boundary(*start)).unwrap_or(at);
    let before = &text[start..at];
    // `r"…"`, `f'…'`, `$"…"`, `@"…"`.
    let stem = before.trim_end_matches(['r', 'R', 'b', 'f', 'u', '$', '@']);
    if stem.ends_with(['(', ' ', '=', ',', '\n', '\t', '[']) { stem } else { before }
}

fn after(text: &str, at: usize) -> &str {
    let end = (at..=(at + AROUND_BYTES).min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(at);
    &text[at..end]
}

/// How a quoted path is used.
struct Usage {
    call: String,
    is_route: bool,
    method: Option<&'static str>,
    mounts: Mounts,
    router: Option<String>,
}

/// How a quoted path is used, by what is before and behind it; `None` where no route is declared.
fn usage(before: &str, after: &str, language: SourceLanguage) -> Option<Usage> {
    let trimmed = before.trim_end();
    if let Some(head) = trimmed.strip_suffix('(') {
        return called(head, after, language, None);
    }
    if let Some(head) = trimmed.strip_suffix(',') {
        // `Handle("GET", "/orders", …)`
        let (head, quoted) = head.trim_end().strip_suffix(['"', '\''])?.rsplit_once(['"', '\''])?;
        let method = path::method_of(quoted)?;
        return called(head.trim_end().strip_suffix('(')?, after, language, Some(method));
    }
    if let Some(head) = trimmed.strip_suffix(['=', ':']) {
        return keyword(head.trim_end(), before, after, language);
    }
    if language.calls_without_parentheses() && before.ends_with([' ', '\t']) {
        let head = trimmed;
        let line = head.rsplit('\n').next().unwrap_or_default().trim_start();
        // The first word of its line: nothing is asked of, nothing assigned.
        return (line == identifier(head)).then(|| called(head, after, language, None))?;
    }
    None
}

/// A path that is the first argument of a call.
fn called(head: &str, after: &str, language: SourceLanguage, given: Option<&'static str>) -> Option<Usage> {
    let name = identifier(head);
    if name.is_empty() {
        return None;
    }
    let call = name.to_ascii_lowercase();
    let (chain_start, receiver) = chain(head, name);
    let is_decorated = head[..chain_start].ends_with(['@', '[']);
    let is_only_argument = after.trim_start().starts_with(')');
    let method = given.or_else(|| method_in(&call));
    if method.is_some() && given.is_none() && !is_decorated {
        let lead = head[..chain_start].rsplit('\n').next().unwrap_or_default().trim_end();
        let is_asked =
            lead.ends_with('=') || lead.ends_with("await") || lead.ends_with("return") || lead.ends_with(')');
        let receiver = receiver.to_ascii_lowercase();
        let is_client = CLIENTS.contains(&receiver.as_str()) || receiver.ends_with("client") || receiver == ")";
        let is_bare = language.calls_without_parentheses() && receiver.is_empty();
        if is_asked || is_client || language == SourceLanguage::Page || (is_only_argument && !is_bare) {
            return None;
        }
        if receiver.is_empty() && !is_bare && call.len() <= "options".len() && language != SourceLanguage::Other {
            // A function of its own: `get("/orders", …)` of a client, or of a small framework.
            return None;
        }
    }
    let is_django = language == SourceLanguage::Python && matches!(call.as_str(), "path" | "re_path" | "url");
    let is_jax = language == SourceLanguage::Java && call == "path" && is_decorated;
    let is_path_call = matches!(call.as_str(), "path" | "re_path" | "url");
    let is_django = is_django && name == call;
    let is_declaring = DECLARING.contains(&call.as_str()) && (!is_path_call || is_django || is_jax);
    let includes = is_django && after.trim_start_matches(',').trim_start().starts_with("include");
    let can_mount = MOUNTING.contains(&call.as_str()) && (!is_path_call || is_django || is_jax);
    let is_route = (method.is_some() || given.is_some() || is_declaring) && !includes;
    if !is_route && !can_mount || language == SourceLanguage::Page {
        return None;
    }
    let mounts = match () {
        () if !can_mount => Mounts::Nothing,
        // An attribute of a class, or a group: what follows in the file is below it.
        () if is_jax || (is_decorated && matches!(call.as_str(), "controller" | "requestmapping" | "routeprefix")) => {
            Mounts::Here
        }
        () if language == SourceLanguage::CSharp && call == "route" && is_decorated => Mounts::Here,
        () if matches!(call.as_str(), "group" | "mapgroup" | "scope" | "namespace") => Mounts::Here,
        () if language == SourceLanguage::Go && call == "route" => Mounts::Here,
        () => Mounts::Others,
    };
    let router = match (is_route, receiver) {
        (true, "" | ")" | "self" | "this") => None,
        (true, receiver) => Some(receiver.to_owned()),
        (false, _) => assigned(&head[..chain_start]),
    };
    Some(Usage { call, is_route, method, mounts, router })
}

/// The name that what follows is assigned to.
fn assigned(before: &str) -> Option<String> {
    let name = identifier(before.trim_end().strip_suffix('=')?.trim_end_matches(':').trim_end());
    (!name.is_empty()).then(|| name.to_owned())
}

/// A path that is the value of a keyword: `prefix="/api"`, `{ method: 'GET', url: '/orders' }`, `path = "/orders"`.
fn keyword(head: &str, before: &str, after: &str, language: SourceLanguage) -> Option<Usage> {
    let word = identifier(head.trim_end_matches(['"', '\''])).to_ascii_lowercase();
    let (enclosing, lead) = enclosing_call(head);
    let call = enclosing.to_ascii_lowercase();
    if matches!(word.as_str(), "prefix" | "url_prefix" | "path_prefix" | "base_path" | "basepath") {
        let mounts = if MOUNTING_OTHERS.contains(&call.as_str()) { Mounts::Others } else { Mounts::Here };
        let router = assigned(lead.trim_end().strip_suffix("new").unwrap_or(lead));
        return Some(Usage { call, is_route: false, method: None, mounts, router });
    }
    if !matches!(word.as_str(), "path" | "value" | "url" | "uri" | "rule") || language == SourceLanguage::Page {
        return None;
    }
    let is_object = language == SourceLanguage::JavaScript && matches!(word.as_str(), "path" | "url");
    if is_object {
        // Clients are given the same, and no handler.
        let start = before.rfind('{')?;
        let object = format!("{}{}", &before[start..], after.split_once('}').map_or(after, |(object, _)| object));
        let handles = object.contains("handler") && object.contains("method");
        return handles.then_some(Usage {
            call: "object".to_owned(),
            is_route: true,
            method: None,
            mounts: Mounts::Nothing,
            router: None,
        });
    }
    let method = method_in(&call);
    let is_declaring = method.is_some() || DECLARING.contains(&call.as_str());
    let is_class = matches!(call.as_str(), "requestmapping" | "controller");
    let of_java = language == SourceLanguage::Java && matches!(word.as_str(), "path" | "value");
    let of_python = language == SourceLanguage::Python && is_declaring && word != "value" && word != "url";
    ((of_java && is_declaring) || of_python).then_some(Usage {
        call,
        is_route: true,
        method,
        mounts: if is_class { Mounts::Here } else { Mounts::Nothing },
        router: None,
    })
}

/// The method that a call's name says: `get`, `GetMapping`, `HttpGet`, `MapGet`, `add_get`, `getAsync` does not.
fn method_in(call: &str) -> Option<&'static str> {
    let stem = call.strip_suffix("mapping").or_else(|| call.strip_prefix("http")).unwrap_or(call);
    let stem = stem.strip_prefix("map").or_else(|| stem.strip_prefix("add_")).unwrap_or(stem);
    path::method_of(stem)
}

/// The identifier that a text ends with; empty where it ends with anything else.
fn identifier(text: &str) -> &str {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    &text[text.trim_end_matches(is_part).len()..]
}

/// Where the chain of a call begins, as in `app.router.get`, and what the last name is asked of: `)` for a call's result.
fn chain<'a>(head: &'a str, name: &str) -> (usize, &'a str) {
    let mut start = head.len() - name.len();
    let mut receiver = None;
    loop {
        let rest = &head[..start];
        let joint = ["?.", ".", "::", "->"].into_iter().find(|joint| rest.ends_with(joint));
        let Some(joint) = joint else { break };
        let rest = rest[..rest.len() - joint.len()].trim_end();
        let owner = identifier(rest);
        if owner.is_empty() {
            receiver.get_or_insert(")");
            return (rest.len(), receiver.unwrap_or_default());
        }
        start = rest.len() - owner.len();
        start -= usize::from(head[..start].ends_with('$'));
        receiver.get_or_insert(owner);
    }
    (start, receiver.unwrap_or_default())
}

/// The name of the call in whose arguments a text ends, and what is before it.
fn enclosing_call(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' | b']' | b'}' => depth += 1,
            b'(' if depth == 0 => {
                let head = text[..at].trim_end();
                let name = identifier(head);
                return (name, &text[..chain(head, name).0]);
            }
            // An object of options is an argument as well.
            b'(' | b'[' | b'{' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    ("", "")
}

/// The methods that the call of a path names; empty for any.
fn methods_of(before: &str, after: &str, call: &str, language: SourceLanguage) -> Vec<&'static str> {
    let arguments = arguments(after);
    let mut methods = named_methods(arguments, language);
    let behind = after[arguments.len()..].trim_start_matches(')').trim_start();
    if behind.starts_with(".Methods(") || behind.starts_with(".methods(") {
        methods.extend(named_methods(behind.split_once(')').map_or("", |(named, _)| named), language));
    }
    if call == "object" {
        methods.extend(named_methods(before.rsplit('{').next().unwrap_or_default(), language));
    }
    // Flask's own rule; Starlette's and others' declarations by a decorator are the same.
    if methods.is_empty() && language == SourceLanguage::Python && call == "route" && !arguments.contains("methods") {
        methods.push("GET");
    }
    methods
}

/// What is left of a call's arguments.
fn arguments(after: &str) -> &str {
    let mut depth = 0_usize;
    for (at, byte) in after.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return &after[..at],
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    after
}

/// Methods in capitals, and in Rust functions of their names.
fn named_methods(text: &str, language: SourceLanguage) -> Vec<&'static str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut methods = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let length = word.find(|character| !is_part(character)).unwrap_or(word.len());
        let (word, behind) = word.split_at(length);
        let is_function =
            language == SourceLanguage::Rust && behind.starts_with('(') && word.to_ascii_lowercase() == word;
        let stem = word.strip_prefix("Method").unwrap_or(word);
        let is_constant = stem.len() < word.len();
        if path::is_method(word) || is_function || is_constant {
            methods.extend(path::method_of(stem));
        }
        rest = behind;
    }
    methods
}
