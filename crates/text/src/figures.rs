//! Figures as people read them, in every front end alike: durations, numbers, shares, sizes.

use kino_model::DurationNanos;

/// A duration, or a dash where there is none.
pub fn duration(nanos: Option<i64>) -> String {
    nanos.map_or_else(|| "–".to_owned(), |nanos| DurationNanos(nanos).to_string())
}

/// A number with its thousands apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things, in the singular where it is one.
pub fn counted(number: u64, thing: &str) -> String {
    match (number, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) if !thing.ends_with("ay") => format!("{} {stem}ies", count(number)),
        _ => format!("{} {thing}s", count(number)),
    }
}

/// A number of bytes, in the largest binary unit that leaves at least one.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A part of a whole, in percent.
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.005 {
        return "<1 %".to_owned();
    }
    format!("{:.0} %", share * 100.0)
}

/// A part of a whole as a bar of at most `cells` characters.
pub fn bar(share: f64, cells: usize) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (cells * 8) as f64).round() as usize;
    let mut text = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        text.push(PARTS[eighths % 8]);
    }
    text
}

/// Digits of a hash that are shown.
const CODE_DIGITS: usize = 12;

/// A state of the code, its commit and the hash of its uncommitted diff each cut to twelve digits.
pub fn code_state(state: &str) -> String {
    let parts: Vec<String> = state.split('+').map(|hash| hash.chars().take(CODE_DIGITS).collect()).collect();
    parts.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((count(7), count(1_234), count(1_234_567)), ("7".into(), "1,234".into(), "1,234,567".into()));
        assert_eq!((counted(1, "query"), counted(2, "query")), ("1 query".into(), "2 queries".into()));
        assert_eq!((counted(0, "day"), counted(2, "span")), ("0 days".into(), "2 spans".into()));
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!((bytes(1023), bytes(1536), bytes(5 << 30)), ("1023 B".into(), "1.5 KiB".into(), "5.0 GiB".into()));
    }

    #[test]
    fn states_that_differ_in_the_diff_alone_differ_when_they_are_cut() {
        let commit = "9befa761e95eaa3ef37".repeat(2);
        assert_eq!(code_state(&format!("{commit}+{}", "c0ffee".repeat(10))), "9befa761e95e+c0ffeec0ffee");
        assert_eq!(code_state(&commit), "9befa761e95e");
        assert_eq!(code_state("abc"), "abc");
    }

    #[test]
    fn bars_end_within_a_cell() {
        assert_eq!((bar(0.5, 4), bar(0.03, 4), bar(7.0, 2)), ("██".into(), "▏".into(), "██".into()));
    }
}
