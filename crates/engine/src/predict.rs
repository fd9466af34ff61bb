//! `predict`: how an operation's duration follows an input, over its last executions.

use kino_analyze::execution::Execution;
use kino_analyze::growth::Growth;
use kino_analyze::predict as analyze;
use kino_text::suggest;
use kino_wire::Problem;
use kino_wire::explain::{ExplainOperationQuestion, MAX_LAST};
use kino_wire::predict::{Crossing, DEFAULT_LAST, Input, LeftOut, Predict, PredictQuestion};

use crate::Engine;
use crate::error::OrProblem;
use crate::limit::limit;
use crate::offload::offload;

/// Attributes in one answer; the rest is counted.
const INPUTS_MAX: usize = 50;

impl Engine {
    pub(crate) async fn predict(&self, question: PredictQuestion) -> Result<Predict, Problem> {
        if question.at.is_some() && question.attribute.is_none() {
            return Err(Problem::invalid("a value to predict for needs the attribute that has it"));
        }
        if question.at.is_some_and(|at| !at.is_finite() || at < 0.0) {
            return Err(Problem::invalid("the value to predict for must be a number of at least 0"));
        }
        if question.limit_nanos.is_some_and(|limit| limit <= 0) {
            return Err(Problem::invalid("the limit must be longer than nothing"));
        }
        let mut executions = ExplainOperationQuestion {
            operation: question.operation.clone(),
            service: question.service.clone(),
            last: limit(question.last, DEFAULT_LAST, MAX_LAST)?,
            all_states: true,
            scope: question.scope.clone(),
            worktree: None,
        };
        let newest = self.latest_executions_of(&mut executions).await?;
        let question = PredictQuestion { operation: executions.operation, ..question };
        let answer = move || {
            let of_verifications = newest.of_verifications();
            let mut answer = newest.read(|found, beyond| answer(question, found, beyond))?;
            answer.left_out.of_verifications = of_verifications;
            Ok(answer)
        };
        offload(answer).await.or_problem()?
    }
}

fn answer(question: PredictQuestion, found: &[Execution<'_, '_>], beyond: u64) -> Result<Predict, Problem> {
    let mut services: Vec<&str> =
        found.iter().map(|execution| execution.tree.span(execution.entry).service()).collect();
    services.sort_unstable();
    services.dedup();
    if services.len() > 1 {
        let message = format!("{:?} was recorded in several services: name one", question.operation);
        return Err(Problem { did_you_mean: suggest::or_all("", services.into_iter()), ..Problem::invalid(message) });
    }
    let (counted, not) = analyze::counted(found);
    let mut left_out = LeftOut {
        executions: beyond,
        open_executions: not.open,
        failed_executions: not.failed,
        cold_executions: not.cold,
        ..LeftOut::default()
    };
    let mut answer = Predict {
        schema: Predict::SCHEMA.to_owned(),
        operation: question.operation,
        service: services.first().copied().unwrap_or_default().to_owned(),
        attribute: question.attribute,
        executions: counted.len() as u64,
        runs: 0,
        model: None,
        held_out_error: None,
        explained: None,
        range: None,
        at: question.at,
        predicted_nanos: None,
        interval: None,
        crosses: None,
        limit_nanos: None,
        limit_was_seen: false,
        refused: None,
        help: None,
        inputs: Vec::new(),
        left_out: LeftOut::default(),
    };
    if let Some(attribute) = answer.attribute.clone() {
        let limit = question.limit_nanos.map(|nanos| nanos as f64);
        let Some(forecast) = analyze::predict(found, &counted, &attribute, question.at, limit) else {
            return Err(no_attribute(&attribute, &counted));
        };
        left_out.without_attribute = (counted.len() - forecast.input.executions) as u64;
        answer.limit_was_seen = limit.is_none() && forecast.limit_nanos.is_some();
        fill_in(&mut answer, &forecast);
    } else {
        let inputs = analyze::inputs(&counted);
        left_out.inputs = inputs.len().saturating_sub(INPUTS_MAX) as u64;
        answer.inputs = inputs.into_iter().take(INPUTS_MAX).map(input).collect();
    }
    answer.left_out = left_out;
    Ok(answer)
}

fn fill_in(answer: &mut Predict, forecast: &analyze::Forecast) {
    let whole = |nanos: f64| nanos.round() as i64;
    answer.executions = forecast.input.executions as u64;
    answer.runs = forecast.input.units as u64;
    answer.range = Some(forecast.input.range);
    answer.limit_nanos = forecast.limit_nanos.map(whole);
    if let Ok(grown) = &forecast.input.growth {
        answer.model = Some(grown.shape.name().to_owned());
        answer.held_out_error = Some(grown.error);
        answer.explained = Some(grown.explained);
    }
    answer.crosses = forecast.crossing.zip(forecast.limit_nanos).map(|((at, interval), limit)| Crossing {
        limit_nanos: whole(limit),
        at,
        interval,
    });
    let refused = match (&forecast.prediction, &forecast.input.growth) {
        (Some(Ok(prediction)), _) => {
            answer.predicted_nanos = Some(whole(prediction.nanos));
            answer.interval = Some(prediction.interval.map(whole));
            return;
        }
        (Some(Err(refused)), _) | (None, Err(refused)) => refused,
        (None, Ok(_)) => return,
    };
    answer.refused = Some(refused.to_string());
    answer.help = Some(refused.help());
}

fn input(input: analyze::Input) -> Input {
    let grown: Option<&Growth> = input.growth.as_ref().ok();
    Input {
        executions: input.executions as u64,
        range: input.range,
        model: grown.map(|grown| grown.shape.name().to_owned()),
        explained: grown.map(|grown| grown.explained),
        refused: input.growth.as_ref().err().map(ToString::to_string),
        attribute: input.attribute,
    }
}

fn no_attribute(wrong: &str, counted: &[Execution<'_, '_>]) -> Problem {
    let inputs = analyze::inputs(counted);
    let message = match (counted.len(), inputs.len()) {
        (0, _) => "none of these executions went well, so that nothing says how long one takes".to_owned(),
        (many, 0) => format!("none of {many} executions that went well carries any numeric attribute"),
        (many, _) => format!("none of {many} executions that went well carries a number {wrong:?}"),
    };
    Problem::not_found(message, suggest::or_all(wrong, inputs.iter().map(|input| input.attribute.as_str())))
}
