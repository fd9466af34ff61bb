//! `predict`: a duration at an input, where a limit is crossed, or which inputs there are.

use kino_wire::predict::{Input, LeftOut, Predict};

use super::table::Table;
use super::{Style, Tone, clean, count, counted, duration, percent, wrap};

/// The answer.
pub(crate) fn text(answer: &Predict, style: Style) -> String {
    let title = format!("{} ({})", clean(&answer.operation), clean(&answer.service));
    let mut text = format!("{}\n", style.heading(&title));
    match &answer.attribute {
        Some(attribute) => text.push_str(&forecast(answer, attribute, style)),
        None => text.push_str(&inputs(answer, style)),
    }
    text.push_str(&left_out(&answer.left_out, style));
    text
}

fn forecast(answer: &Predict, attribute: &str, style: Style) -> String {
    let attribute = clean(attribute);
    let mut text = String::new();
    let [low, high] = answer.range.unwrap_or_default().map(number);
    let of_runs = if answer.runs > 0 { format!(" of {}", counted(answer.runs, "run")) } else { String::new() };
    let executions = counted(answer.executions, "execution");
    let rests = format!("{executions}{of_runs} with {attribute} from {low} to {high}");
    match (&answer.model, answer.held_out_error, answer.explained) {
        (Some(model), Some(error), Some(_)) if model == "constant" => text.push_str(&wrap(
            &format!("does not follow {attribute}: {rests}; typically {} off the median", percent(error)),
            style,
            "",
        )),
        (Some(model), Some(error), Some(explained)) => text.push_str(&wrap(
            &format!(
                "{} in {attribute}, which explains {} of the spread: {rests}; typically {} off",
                words(model),
                percent(explained),
                percent(error)
            ),
            style,
            "",
        )),
        _ => text.push_str(&wrap(&rests, style, "")),
    }
    if let (Some(at), Some(nanos), Some([low, high])) = (answer.at, answer.predicted_nanos, answer.interval) {
        let shown = style.paint(Tone::Strong, &duration(Some(nanos)));
        let range = format!("{} to {}", duration(Some(low)), duration(Some(high)));
        text.push_str(&format!("\nat {}: {shown} (95 % of executions: {range})\n", number(at)));
    }
    if let Some(refused) = &answer.refused {
        let asked = answer.at.map(|at| format!(" at {}", number(at))).unwrap_or_default();
        text.push('\n');
        text.push_str(&style.paint(Tone::Warn, &wrap(&format!("No prediction{asked}: {}", clean(refused)), style, "")));
    }
    if let Some(help) = &answer.help {
        text.push_str(&wrap(&format!("What would help: {}", clean(help)), style, ""));
    }
    let limit = duration(answer.limit_nanos);
    let which = if answer.limit_was_seen { "the limit at which executions timed out" } else { "the limit" };
    match &answer.crosses {
        Some(crossing) => {
            let [first, last] = crossing.interval.map(number);
            let at = style.paint(Tone::Strong, &number(crossing.at));
            let crossed = format!("{limit}, {which}, is crossed at {at} (single executions: {first} to {last})");
            text.push_str(&wrap(&crossed, style, ""));
        }
        None if answer.limit_nanos.is_some() && answer.model.is_some() => {
            text.push_str(&format!("{limit}, {which}, is not crossed as far as this reaches\n"));
        }
        None => {}
    }
    text
}

fn inputs(answer: &Predict, style: Style) -> String {
    let mut text = format!("{} that went well\n", counted(answer.executions, "execution"));
    if answer.inputs.is_empty() {
        text.push_str("None carries a numeric attribute: set one on the span, such as the size of the input.\n");
        return text;
    }
    text.push('\n');
    let mut table = Table::new(style, &["!ATTRIBUTE", ">EXECUTIONS", ">FROM", ">TO", "DURATION IS", ">EXPLAINS"]);
    for input in &answer.inputs {
        let Input { attribute, executions, range: [low, high], model, explained, .. } = input;
        let model = model.as_deref().map_or("–", words);
        let explained = explained.map_or_else(|| "–".to_owned(), percent);
        table.row(&[
            (&clean(attribute), Tone::Strong),
            (&count(*executions), Tone::Plain),
            (&number(*low), Tone::Plain),
            (&number(*high), Tone::Plain),
            (model, Tone::Plain),
            (&explained, Tone::Plain),
        ]);
    }
    text.push_str(&table.finish());
    for input in answer.inputs.iter().filter(|input| input.refused.is_some()) {
        let why = format!("{}: {}", input.attribute, input.refused.as_deref().unwrap_or_default());
        text.push_str(&style.paint(Tone::Faint, &wrap(&clean(&why), style, "")));
    }
    if let Some(best) = answer.inputs.iter().find(|input| input.model.as_deref().is_some_and(|it| it != "constant")) {
        let next = format!("kino predict {} --attr {} --at VALUE", quoted(&answer.operation), quoted(&best.attribute));
        text.push_str(&format!("\nnext: {next}\n"));
    }
    text
}

/// A model as a word of a sentence.
fn words(model: &str) -> &str {
    match model {
        "n_log_n" => "n log n",
        "cubic" => "cubic or worse",
        other => other,
    }
}

/// A value of an attribute: whole numbers with their thousands apart.
fn number(value: f64) -> String {
    const LARGE: f64 = 1e15;
    if (1_000.0..LARGE).contains(&value) || value.fract() == 0.0 && (0.0..LARGE).contains(&value) {
        return count(value.round() as u64);
    }
    if value.abs() >= LARGE { format!("{value:.3e}") } else { format!("{value:.3}") }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let text = clean(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn left_out(left_out: &LeftOut, style: Style) -> String {
    let parts = [
        (left_out.executions.saturating_sub(left_out.of_verifications), "older execution"),
        (left_out.of_verifications, "execution in worktrees of verifications"),
        (left_out.open_executions, "unfinished execution"),
        (left_out.failed_executions, "failed execution"),
        (left_out.cold_executions, "first execution of a process"),
        (left_out.without_attribute, "execution without the attribute"),
        (left_out.inputs, "further attribute"),
    ];
    let shown = |(number, thing): (u64, &str)| {
        counted(number, thing)
            .replace("of a processs", "of a process")
            .replace("execution in worktrees of verificationss", "executions in worktrees of verifications")
            .replace("execution without the attributes", "executions without the attribute")
            .replace("first execution of", if number == 1 { "first execution of" } else { "first executions of" })
    };
    let parts: Vec<String> = parts.into_iter().filter(|(number, _)| *number > 0).map(shown).collect();
    if parts.is_empty() {
        return String::new();
    }
    let text = wrap(&format!("Not counted here: {}", parts.join(", ")), style, "");
    style.paint(Tone::Faint, &format!("\n{text}"))
}

#[cfg(test)]
mod tests {
    use kino_wire::predict::Crossing;

    use super::super::tests::EIGHTY;
    use super::*;

    fn answer() -> Predict {
        Predict {
            schema: Predict::SCHEMA.to_owned(),
            operation: "review.diff".to_owned(),
            service: "review".to_owned(),
            attribute: Some("diff_bytes".to_owned()),
            executions: 48,
            runs: 3,
            model: Some("n_log_n".to_owned()),
            held_out_error: Some(0.034),
            explained: Some(0.98),
            range: Some([1_204.0, 498_112.0]),
            at: Some(800_000.0),
            predicted_nanos: Some(1_620_000_000),
            interval: Some([1_500_000_000, 1_740_000_000]),
            crosses: Some(Crossing { limit_nanos: 1_000_000_000, at: 501_234.0, interval: [470_000.5, 532_000.0] }),
            limit_nanos: Some(1_000_000_000),
            limit_was_seen: true,
            refused: None,
            help: None,
            inputs: Vec::new(),
            left_out: LeftOut { failed_executions: 12, cold_executions: 2, without_attribute: 1, ..LeftOut::default() },
        }
    }

    #[test]
    fn a_prediction_says_what_it_rests_on_and_where_the_limit_is_crossed() {
        insta::assert_snapshot!(text(&answer(), EIGHTY));
    }

    #[test]
    fn a_refusal_says_why_and_what_would_help() {
        let refused = Predict {
            at: Some(5e6),
            predicted_nanos: None,
            interval: None,
            crosses: None,
            limit_was_seen: false,
            refused: Some("5000000 is too far outside 1204 to 498112, the range that was recorded".to_owned()),
            help: Some("record executions up to at least 2500000".to_owned()),
            left_out: LeftOut::default(),
            ..answer()
        };
        insta::assert_snapshot!(text(&refused, EIGHTY));
    }

    #[test]
    fn without_an_attribute_those_that_there_are_come_with_what_they_explain() {
        let input = |attribute: &str, model: Option<&str>, explained, refused: Option<&str>| Input {
            attribute: attribute.to_owned(),
            executions: 48,
            range: [1.0, 498_112.5],
            model: model.map(str::to_owned),
            explained,
            refused: refused.map(str::to_owned),
        };
        let listed = Predict {
            operation: "GET /report\u{1b}".to_owned(),
            attribute: None,
            inputs: vec![
                input("diff bytes", Some("linear"), Some(0.976), None),
                input("files", Some("constant"), Some(0.0), None),
                input("rules", None, None, Some("the attribute only ranges from 4 to 5; a factor of 3 is needed")),
            ],
            ..answer()
        };
        insta::assert_snapshot!(text(&listed, EIGHTY));
    }
}
