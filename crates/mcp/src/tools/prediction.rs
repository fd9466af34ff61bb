//! What `explain` says of an operation's duration at an input.

use kino_wire::predict::Predict;

use crate::answer::Answer;
use crate::value::Value;

pub(crate) fn answer(predicted: &Predict) -> Answer {
    let value = |value: f64| Value::Number(value);
    let mut facts = vec![
        ("operation", Value::recorded(&predicted.operation)),
        ("service", Value::recorded(&predicted.service)),
        ("attribute", Value::recorded(predicted.attribute.as_deref().unwrap_or_default())),
        ("executions", Value::Count(predicted.executions)),
    ];
    facts.extend((predicted.runs > 0).then_some(("runs", Value::Count(predicted.runs))));
    facts.extend(predicted.model.as_deref().map(|model| ("model", Value::word(model))));
    facts.extend(predicted.held_out_error.map(|error| ("held_out_error", value(error))));
    facts.extend(predicted.explained.map(|part| ("explained", Value::Share(part))));
    if let Some([low, high]) = predicted.range {
        facts.extend([("seen_from", value(low)), ("seen_to", value(high))]);
    }
    facts.extend(predicted.at.map(|at| ("at", value(at))));
    facts.extend(predicted.predicted_nanos.map(|nanos| ("predicted", Value::Nanos(nanos))));
    if let Some([low, high]) = predicted.interval {
        facts.extend([("low", Value::Nanos(low)), ("high", Value::Nanos(high))]);
    }
    facts.extend(predicted.limit_nanos.map(|nanos| ("limit", Value::Nanos(nanos))));
    if let Some(crossing) = &predicted.crosses {
        let [first, last] = crossing.interval;
        facts.extend([("limit_crossed_at", value(crossing.at)), ("first_at", value(first)), ("all_at", value(last))]);
    }
    let left_out = &predicted.left_out;
    let counts = [
        ("executions_beyond", left_out.executions),
        ("executions_of_verifications", left_out.of_verifications),
        ("open_left_out", left_out.open_executions),
        ("failed_left_out", left_out.failed_executions),
        ("cold_left_out", left_out.cold_executions),
        ("without_attribute", left_out.without_attribute),
    ];
    facts.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))));
    let mut notes = Vec::new();
    if let Some(refused) = &predicted.refused {
        let help = predicted.help.as_deref().unwrap_or_default();
        notes.push(format!("no prediction: {refused}; {help}"));
    }
    if predicted.predicted_nanos.is_some() {
        notes.push(String::from("low..high holds 95% of single executions"));
    }
    if predicted.crosses.is_none() && predicted.limit_nanos.is_some() && predicted.model.is_some() {
        notes.push(String::from("the limit is not crossed as far as this reaches"));
    }
    Answer { tool: "explain", facts, notes, tables: Vec::new(), next: None }
}
