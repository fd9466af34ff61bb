//! Stretches of time as a bar of cells.

/// On the critical path.
const CRITICAL: char = '█';
/// Under way beside it.
const BESIDE: char = '░';
/// Not ended yet.
const OPEN: char = '›';

/// A bar of at most `columns` cells for the time from `start` to `end`, and the column of its first cell.
///
/// `stretches` are starts and ends, no end while open, in order of their starts; `critical` are those on the critical
/// path. A stretch takes at least one cell, and cells between two are blank. Empty where there is no stretch.
pub fn bar(
    stretches: &[(i64, Option<i64>)],
    critical: &[(i64, i64)],
    (start, end): (i64, i64),
    columns: usize,
) -> (usize, String) {
    let cells = columns.max(1);
    let scale = cells as f64 / end.saturating_sub(start).max(1) as f64;
    let cell = |at: i64| (at.saturating_sub(start) as f64 * scale).clamp(0.0, cells as f64);
    let mut bar = vec![' '; cells];
    for (begin, over) in stretches {
        let from = (cell(*begin).floor() as usize).min(cells - 1);
        let to = over.map_or(cells, |over| cell(over).ceil() as usize).clamp(from + 1, cells);
        bar[from..to].fill(BESIDE);
        if over.is_none() {
            bar[to - 1] = OPEN;
        }
    }
    for (index, shown) in bar.iter_mut().enumerate().filter(|(_, shown)| **shown == BESIDE) {
        let (from, to) = (index as f64, (index + 1) as f64);
        if critical.iter().any(|(begin, over)| cell(*begin) < to && cell(*over) > from) {
            *shown = CRITICAL;
        }
    }
    let first = bar.iter().position(|shown| *shown != ' ').unwrap_or(0);
    let text: String = bar[first..].iter().collect();
    (first, text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_where_it_was_and_the_path_is_full() {
        assert_eq!(bar(&[(0, Some(100))], &[(50, 100)], (0, 100), 10), (0, "░░░░░█████".to_owned()));
        assert_eq!(bar(&[(20, Some(40)), (80, Some(100))], &[], (0, 100), 10), (2, "░░    ░░".to_owned()));
    }

    #[test]
    fn what_took_place_has_a_cell_and_what_goes_on_says_so() {
        assert_eq!(bar(&[(100, Some(100))], &[], (0, 100), 10), (9, "░".to_owned()));
        assert_eq!(bar(&[(70, None)], &[], (0, 100), 10), (7, "░░›".to_owned()));
        assert_eq!(bar(&[], &[], (0, 100), 10).1, "");
        // A time that cannot be.
        assert_eq!(bar(&[(i64::MIN, Some(i64::MAX))], &[], (0, 0), 3).1, "░░░");
    }
}
