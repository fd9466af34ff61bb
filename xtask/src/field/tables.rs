//! The tables of a report, in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::judged::ReaderVerdict;
use super::report::{FieldFinding, Package};

/// The normal quantile of a two-sided interval of 95 %.
const Z: f64 = 1.959_964;
/// Characters of a finding's text in a table.
const TEXT_MAX: usize = 220;

/// Every finding of a package with all that is known of it.
pub(super) fn detail(package: &Package) -> String {
    let mut text = format!("# {}: {} findings\n", package.name, package.findings.len());
    for found in &package.findings {
        let verdict = found.judgement.as_ref().map_or("not judged", |it| it.verdict.name());
        let location = found.location.as_deref().unwrap_or("–");
        let lines = [
            format!("{} {} [{verdict}] entry {:?}", found.code, found.fingerprint, found.entry),
            format!("   {}", found.text),
            format!("   {}", found.numbers),
            format!("   at {location}; {}", found.evidence),
        ];
        text.push_str(&lines.join("\n"));
        text.push('\n');
    }
    text
}

/// The whole report.
pub(super) fn page(heading: &str, packages: &[Package]) -> String {
    let findings = || packages.iter().flat_map(|package| &package.findings);
    let mut page = format!(
        "### Precision: {heading} packages\n\n| finding | judged | right | wrong | doubtful | precision | 95 % interval |\n|---|--:|--:|--:|--:|--:|---|\n"
    );
    let mut by_code: BTreeMap<&str, Vec<&FieldFinding>> = BTreeMap::new();
    for found in findings() {
        by_code.entry(&found.code).or_default().push(found);
    }
    for (code, found) in &by_code {
        page.push_str(&precision(&format!("`{code}`"), found));
    }
    page.push_str(&precision("all", &findings().collect::<Vec<_>>()));
    let unjudged = findings().filter(|found| found.judgement.is_none()).count();
    page.push_str(&stability(&findings().collect::<Vec<_>>()));
    page.push_str(&base_rate(heading, packages));
    let _infallible = write!(
        page,
        "\n### Findings: {heading} packages\n\n| package | finding | where it starts | what it says | verdict | why |\n|---|---|---|---|---|---|\n"
    );
    for package in packages {
        for found in &package.findings {
            page.push_str(&row(package, found));
        }
    }
    if unjudged > 0 {
        let _infallible = write!(page, "\n{unjudged} findings are not judged.\n");
    }
    page
}

fn precision(name: &str, found: &[&FieldFinding]) -> String {
    let count = |verdict| {
        found.iter().filter(|it| it.judgement.as_ref().is_some_and(|judged| judged.verdict == verdict)).count()
    };
    let (right, wrong, doubtful) =
        (count(ReaderVerdict::Right), count(ReaderVerdict::Wrong), count(ReaderVerdict::Doubtful));
    let judged = right + wrong + doubtful;
    if judged == 0 {
        return format!("| {name} | 0 | | | | | |\n");
    }
    let (low, high) = wilson(right, judged);
    let share = right as f64 / judged as f64;
    format!("| {name} | {judged} | {right} | {wrong} | {doubtful} | {share:.2} | {low:.2} to {high:.2} |\n")
}

/// How often the second pass said the same.
fn stability(found: &[&FieldFinding]) -> String {
    let pairs: Vec<(ReaderVerdict, ReaderVerdict)> = found
        .iter()
        .filter_map(|it| it.judgement.as_ref())
        .filter_map(|judged| Some((judged.verdict, judged.second?)))
        .collect();
    if pairs.is_empty() {
        return String::new();
    }
    let same = pairs.iter().filter(|(first, second)| first == second).count();
    format!(
        "\n{} findings were judged a second time without the first verdict in view: {same} times it was the same.\n",
        pairs.len()
    )
}

fn base_rate(heading: &str, packages: &[Package]) -> String {
    let mut text = format!(
        "\n### Base rate: {heading} packages\n\n| package | what ran | operations | executions | spans | findings | per 1,000 executions |\n|---|---|--:|--:|--:|--:|--:|\n"
    );
    let rate = |findings: usize, executions: u64| 1_000.0 * findings as f64 / executions.max(1) as f64;
    for package in packages {
        let Package { version, about, operations, executions, spans, findings, .. } = package;
        let count = findings.len();
        let per = rate(count, *executions);
        let _infallible =
            writeln!(text, "| `{version}` | {about} | {operations} | {executions} | {spans} | {count} | {per:.1} |");
    }
    let sum = |of: fn(&Package) -> u64| packages.iter().map(of).sum::<u64>();
    let (executions, spans) = (sum(|it| it.executions), sum(|it| it.spans));
    let (operations, left_out) = (sum(|it| it.operations), sum(|it| it.left_out));
    let count: usize = packages.iter().map(|package| package.findings.len()).sum();
    let without = packages.iter().filter(|package| package.findings.is_empty()).count();
    let mut entries: Vec<(&str, &str)> = packages
        .iter()
        .flat_map(|package| package.findings.iter().map(|found| (package.name.as_str(), found.entry.as_str())))
        .collect();
    entries.sort_unstable();
    entries.dedup();
    let silent = operations.saturating_sub(entries.len() as u64);
    let _infallible = writeln!(
        text,
        "| all {} | | {operations} | {executions} | {spans} | {count} | {:.1} |\n\n{without} packages have no finding, and {silent} of {operations} operations have none. {left_out} traces or findings were left out.",
        packages.len(),
        rate(count, executions)
    );
    text
}

fn row(package: &Package, found: &FieldFinding) -> String {
    let (verdict, why) =
        found.judgement.as_ref().map_or(("", ""), |judged| (judged.verdict.name(), judged.why.as_str()));
    format!(
        "| {} | `{}` | {} | {} | {verdict} | {} |\n",
        package.name,
        found.code,
        cell(&found.entry, 80),
        cell(&found.text, TEXT_MAX),
        cell(why, usize::MAX)
    )
}

/// Recorded text in a table: on one line, without what Markdown would read.
fn cell(text: &str, most: usize) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    let flat = flat.join(" ");
    let cut: String = flat.chars().take(most).collect();
    let more = if cut.len() < flat.len() { "…" } else { "" };
    let escaped: String = cut
        .chars()
        .flat_map(|c| ['|', '<', '>', '*', '_', '`', '['].contains(&c).then_some('\\').into_iter().chain([c]))
        .collect();
    escaped + more
}

/// Wilson's interval of a share, at 95 %.
fn wilson(right: usize, judged: usize) -> (f64, f64) {
    let (n, share) = (judged as f64, right as f64 / judged as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        let (low, high) = wilson(18, 20);
        assert!((low - 0.699).abs() < 0.001 && (high - 0.972).abs() < 0.001, "{low} {high}");
        assert!(wilson(10, 10).1 <= 1.0);
    }

    #[test]
    fn recorded_text_stays_in_its_cell() {
        assert_eq!(cell("a|b\n<c>", 80), "a\\|b \\<c\\>");
        assert_eq!(cell("abcdef", 3), "abc…");
    }
}
