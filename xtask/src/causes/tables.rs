//! The tables of a report, in Markdown.

use std::collections::BTreeMap;

use super::faults::{FAULTS, Fault};

/// The ranks up to which an answer counts as right, one column each.
const RANKS: [usize; 3] = [1, 3, 5];
/// What other programs took of all cores may differ by this between two windows that count as steady.
const STEADY: f64 = 0.15;

/// What was asked of a case, and what it should have been.
#[derive(Debug)]
pub(super) struct JudgedCase {
    pub(super) name: String,
    /// `None` in a case without a fault.
    pub(super) fault: Option<String>,
    pub(super) service: Option<String>,
    /// What other programs took of all cores in the normal window and in the second one, from 0 to 1.
    pub(super) others: [f64; 2],
    pub(super) with_logs: CompareAnswer,
    pub(super) without_logs: CompareAnswer,
}

/// What `kino compare` answered.
#[derive(Clone, Debug)]
pub(super) struct CompareAnswer {
    pub(super) verdict: String,
    /// The most suspect first, of those that are shown and of those that are not.
    pub(super) services: Vec<String>,
    /// Those that a test of their own shows.
    pub(super) shown: Vec<String>,
}

/// Which suspects count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Counted {
    Shown,
    Listed,
}

impl JudgedCase {
    /// Returns whether the rest of the machine was about as busy in both windows.
    fn is_steady(&self) -> bool {
        (self.others[0] - self.others[1]).abs() <= STEADY
    }
}

impl CompareAnswer {
    fn counted(&self, counted: Counted) -> &[String] {
        match counted {
            Counted::Shown => &self.shown,
            Counted::Listed => &self.services,
        }
    }

    fn is_right(&self, counted: Counted, service: &str, rank: usize) -> bool {
        self.counted(counted).iter().take(rank).any(|suspect| suspect == service)
    }
}

/// One case on one line.
pub(super) fn line(case: &JudgedCase) -> String {
    let rank = |answer: &CompareAnswer| {
        let at = answer.services.iter().position(|service| Some(service) == case.service.as_ref());
        at.map_or("–".to_owned(), |at| (at + 1).to_string())
    };
    let JudgedCase { with_logs, without_logs, .. } = case;
    let (first, second) = (rank(with_logs), rank(without_logs));
    let unproven = if with_logs.shown.is_empty() && !with_logs.services.is_empty() { " (not shown)" } else { "" };
    format!(
        "{:<26} rank {first}, without logs {second}; {}: {}{unproven}",
        case.name,
        with_logs.verdict,
        with_logs.services.join(", ")
    )
}

/// Tables of accuracy by fault, and of the cases without any: of suspects that are shown, and of all that are listed.
pub(super) fn page(heading: &str, judged: &[JudgedCase]) -> String {
    let mut lines = vec![
        format!("# Suspects of the {heading} cases\n"),
        "AS@k: the share of cases in which the faulty service is among the first k services suspected.\n".to_owned(),
    ];
    for (counted, title) in [
        (Counted::Shown, "Suspects that a test of their own shows:\n"),
        (Counted::Listed, "All that is listed, shown or not:\n"),
    ] {
        lines.push(title.to_owned());
        lines.extend(tables(counted, judged));
    }
    lines.push(others(judged));
    lines.join("\n") + "\n"
}

fn tables(counted: Counted, judged: &[JudgedCase]) -> Vec<String> {
    let columns = |logs| RANKS.map(|rank| format!(" AS@{rank} {logs} |")).concat();
    let mut lines = vec![
        format!("| fault | cases |{}{}", columns("with logs"), columns("without logs")),
        format!("|---|---:|{}", "---:|".repeat(2 * RANKS.len())),
    ];
    let faulty: Vec<(&str, &str, &JudgedCase)> =
        judged.iter().filter_map(|case| Some((case.fault.as_deref()?, case.service.as_deref()?, case))).collect();
    for fault in FAULTS.map(Fault::name) {
        let its: Vec<_> = faulty.iter().filter(|(its, ..)| *its == fault).copied().collect();
        if !its.is_empty() {
            lines.push(row(counted, &format!("`{fault}`"), &its));
        }
    }
    lines.push(row(counted, "all", &faulty));
    let steady: Vec<_> = faulty.iter().filter(|(.., case)| case.is_steady()).copied().collect();
    lines.push(format!("{}\n", row(counted, "all that are steady", &steady)));
    let unchanged: Vec<&JudgedCase> = judged.iter().filter(|case| case.fault.is_none()).collect();
    if !unchanged.is_empty() {
        let steady: Vec<&JudgedCase> = unchanged.iter().filter(|case| case.is_steady()).copied().collect();
        lines.push("| without a fault | cases | no suspect with logs | no suspect without logs |".to_owned());
        lines.push("|---|---:|---:|---:|".to_owned());
        lines.push(silent(counted, "all", &unchanged));
        lines.push(format!("{}\n", silent(counted, "all that are steady", &steady)));
    }
    lines
}

/// In how many cases nothing was suspected.
fn silent(counted: Counted, title: &str, cases: &[&JudgedCase]) -> String {
    let count = |of: fn(&JudgedCase) -> &CompareAnswer| {
        cases.iter().filter(|case| of(case).counted(counted).is_empty()).count()
    };
    let (with, without) = (count(|case| &case.with_logs), count(|case| &case.without_logs));
    format!("| {title} | {} | {with} | {without} |", cases.len())
}

fn row(counted: Counted, title: &str, cases: &[(&str, &str, &JudgedCase)]) -> String {
    let mut cells = vec![title.to_owned(), cases.len().to_string()];
    for of in [(|case| &case.with_logs) as fn(&JudgedCase) -> &CompareAnswer, |case| &case.without_logs] {
        for rank in RANKS {
            let right = cases.iter().filter(|(_, service, case)| of(case).is_right(counted, service, rank)).count();
            cells.push(format!("{:.2}", right as f64 / cases.len().max(1) as f64));
        }
    }
    format!("| {} |", cells.join(" | "))
}

/// How much else ran while the cases were recorded.
fn others(judged: &[JudgedCase]) -> String {
    let mut shares: Vec<f64> = judged.iter().flat_map(|case| case.others).collect();
    shares.sort_by(f64::total_cmp);
    let percent = |at: usize| shares.get(at).copied().unwrap_or_default() * 100.0;
    let (median, most) = (percent(shares.len() / 2), percent(shares.len().saturating_sub(1)));
    format!(
        "Other programs took {median:.0} % of all cores in the median window, and {most:.0} % at most. A case is steady \
         where this differed by no more than {:.0} % of all cores between its two windows.\n",
        STEADY * 100.0
    )
}

/// Which pairs are left out, and nothing of what is in them.
pub(super) fn sealed(pairs: &[(&str, &str)]) -> String {
    let mut by_fault: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (service, fault) in pairs {
        by_fault.entry(fault).or_default().push(service);
    }
    let mut lines =
        vec![format!("{} pairs are sealed, and not in these tables (`--sealed` reports on them):\n", pairs.len())];
    lines.extend(by_fault.into_iter().map(|(fault, services)| format!("- `{fault}` in {}", services.join(", "))));
    lines.join("\n") + "\n\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(shown: &[&str], not_shown: &[&str]) -> CompareAnswer {
        let owned = |services: &[&str]| services.iter().map(|&service| service.to_owned()).collect::<Vec<_>>();
        let (shown, not_shown) = (owned(shown), owned(not_shown));
        CompareAnswer { verdict: "slower".to_owned(), services: [shown.clone(), not_shown].concat(), shown }
    }

    fn case(fault: Option<&str>, with_logs: CompareAnswer) -> JudgedCase {
        JudgedCase {
            name: "x".to_owned(),
            fault: fault.map(str::to_owned),
            service: fault.map(|_| "stock".to_owned()),
            others: [0.0; 2],
            with_logs,
            without_logs: answer(&[], &[]),
        }
    }

    #[test]
    fn tables_count_by_rank_and_by_fault_and_what_is_not_shown_in_the_second_alone() {
        let cases = [
            case(Some("cpu"), answer(&["stock"], &[])),
            case(Some("cpu"), answer(&["a", "b", "stock"], &[])),
            case(Some("lock"), answer(&[], &["a", "b", "c", "d", "stock"])),
            case(None, answer(&[], &[])),
            case(None, answer(&[], &["a"])),
        ];
        let page = page("open", &cases);
        let (shown, listed) = page.split_once("All that is listed").unwrap();
        let cpu = "| `cpu` | 2 | 0.50 | 1.00 | 1.00 | 0.00 | 0.00 | 0.00 |";
        assert!(shown.contains(cpu) && listed.contains(cpu), "{page}");
        assert!(shown.contains("| all | 3 | 0.33 | 0.67 | 0.67 |"), "{page}");
        assert!(listed.contains("| all | 3 | 0.33 | 0.67 | 1.00 |"), "{page}");
        assert!(shown.contains("| all | 2 | 2 | 2 |") && listed.contains("| all | 2 | 1 | 2 |"), "{page}");
    }
}
