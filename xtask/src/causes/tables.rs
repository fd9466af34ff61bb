//! The tables of a report, in Markdown.

use std::collections::BTreeMap;

use super::faults::{FAULTS, Fault};

/// The ranks up to which an answer counts as right, one column each.
const RANKS: [usize; 3] = [1, 3, 5];
/// What other programs took of all cores may differ by this between two windows that count as steady.
const STEADY: f64 = 0.15;

/// What was asked of a case, and what it should have been.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) name: String,
    /// `None` in a case without a fault.
    pub(super) fault: Option<String>,
    pub(super) service: Option<String>,
    /// What other programs took of all cores in the normal window and in the second one, from 0 to 1.
    pub(super) others: [f64; 2],
    pub(super) with_logs: Answer,
    pub(super) without_logs: Answer,
}

/// What `kino compare` answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) verdict: String,
    /// The most suspect first.
    pub(super) services: Vec<String>,
}

impl Judged {
    /// Returns whether the rest of the machine was about as busy in both windows.
    fn is_steady(&self) -> bool {
        (self.others[0] - self.others[1]).abs() <= STEADY
    }
}

impl Answer {
    fn is_right(&self, service: &str, rank: usize) -> bool {
        self.services.iter().take(rank).any(|suspect| suspect == service)
    }
}

/// One case on one line.
pub(super) fn line(case: &Judged) -> String {
    let rank = |answer: &Answer| {
        let at = answer.services.iter().position(|service| Some(service) == case.service.as_ref());
        at.map_or("–".to_owned(), |at| (at + 1).to_string())
    };
    let Judged { with_logs, without_logs, .. } = case;
    let (first, second) = (rank(with_logs), rank(without_logs));
    format!(
        "{:<26} rank {first}, without logs {second}; {}: {}",
        case.name,
        with_logs.verdict,
        with_logs.services.join(", ")
    )
}

/// A table of accuracy by fault, and one of the cases without any.
pub(super) fn page(heading: &str, judged: &[Judged]) -> String {
    let columns = |logs| RANKS.map(|rank| format!(" AS@{rank} {logs} |")).concat();
    let mut lines = vec![
        format!("# Suspects of the {heading} cases\n"),
        "AS@k: the share of cases in which the faulty service is among the first k services suspected.\n".to_owned(),
        format!("| fault | cases |{}{}", columns("with logs"), columns("without logs")),
        format!("|---|---:|{}", "---:|".repeat(2 * RANKS.len())),
    ];
    let faulty: Vec<(&str, &str, &Judged)> =
        judged.iter().filter_map(|case| Some((case.fault.as_deref()?, case.service.as_deref()?, case))).collect();
    for fault in FAULTS.map(Fault::name) {
        let its: Vec<_> = faulty.iter().filter(|(its, ..)| *its == fault).copied().collect();
        if !its.is_empty() {
            lines.push(row(&format!("`{fault}`"), &its));
        }
    }
    lines.push(row("all", &faulty));
    let steady: Vec<_> = faulty.iter().filter(|(.., case)| case.is_steady()).copied().collect();
    lines.push(format!("{}\n", row("all that are steady", &steady)));
    let unchanged: Vec<&Judged> = judged.iter().filter(|case| case.fault.is_none()).collect();
    if !unchanged.is_empty() {
        let steady: Vec<&Judged> = unchanged.iter().filter(|case| case.is_steady()).copied().collect();
        lines.push("| without a fault | cases | no suspect with logs | no suspect without logs |".to_owned());
        lines.push("|---|---:|---:|---:|".to_owned());
        lines.push(silent("all", &unchanged));
        lines.push(format!("{}\n", silent("all that are steady", &steady)));
    }
    lines.push(others(judged));
    lines.join("\n") + "\n"
}

/// In how many cases nothing was suspected.
fn silent(title: &str, cases: &[&Judged]) -> String {
    let count = |of: fn(&Judged) -> &Answer| cases.iter().filter(|case| of(case).services.is_empty()).count();
    let (with, without) = (count(|case| &case.with_logs), count(|case| &case.without_logs));
    format!("| {title} | {} | {with} | {without} |", cases.len())
}

fn row(title: &str, cases: &[(&str, &str, &Judged)]) -> String {
    let mut cells = vec![title.to_owned(), cases.len().to_string()];
    for of in [(|case| &case.with_logs) as fn(&Judged) -> &Answer, |case| &case.without_logs] {
        for rank in RANKS {
            let right = cases.iter().filter(|(_, service, case)| of(case).is_right(service, rank)).count();
            cells.push(format!("{:.2}", right as f64 / cases.len().max(1) as f64));
        }
    }
    format!("| {} |", cells.join(" | "))
}

/// How much else ran while the cases were recorded.
fn others(judged: &[Judged]) -> String {
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

    fn case(fault: Option<&str>, suspects: &[&str]) -> Judged {
        let services = suspects.iter().map(|&service| service.to_owned()).collect();
        let with_logs = Answer { verdict: "slower".to_owned(), services };
        let without_logs = Answer { verdict: "slower".to_owned(), services: Vec::new() };
        let service = fault.map(|_| "stock".to_owned());
        Judged {
            name: "x".to_owned(),
            fault: fault.map(str::to_owned),
            service,
            others: [0.0; 2],
            with_logs,
            without_logs,
        }
    }

    #[test]
    fn a_table_counts_by_rank_and_by_fault() {
        let cases = [
            case(Some("cpu"), &["stock"]),
            case(Some("cpu"), &["a", "b", "stock"]),
            case(Some("lock"), &["a", "b", "c", "d", "stock"]),
            case(None, &[]),
            case(None, &["a"]),
        ];
        let page = page("open", &cases);
        assert!(page.contains("| `cpu` | 2 | 0.50 | 1.00 | 1.00 | 0.00 | 0.00 | 0.00 |"), "{page}");
        assert!(page.contains("| all | 3 | 0.33 | 0.67 | 1.00 |"), "{page}");
        assert!(page.contains("| all | 2 | 1 | 2 |"), "{page}");
    }
}
