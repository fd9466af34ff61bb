//! Which question is answered where.

use std::sync::Arc;

use kino_text::suggest;
use kino_wire::ask::Asked;
use kino_wire::schema::Contracts;
use kino_wire::{
    Access, Backend, Cost, Damage, Problem, Question, admin, change, check, compare, diagnose, errors, evidence,
    explain, find, hook, insights, live, predict, resolve, run, search, sql, suite, verify, window,
};
use serde_json::Value as Json;
use tokio::runtime::Handle;

use crate::Engine;
use crate::error::OrProblem;

impl Backend for Engine {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let name = name.to_owned();
        Box::pin(async move {
            let mut answer = match Engine::contract_of(&name) {
                Some((_, Cost::Rows)) => self.for_question().run_blocking(name, question).await,
                _ => self.for_question().dispatch(&name, question).await,
            }?;
            // Asked afterwards: answering may have found it.
            if let Some(damage) = self.damage() {
                damage.put(&mut answer);
            }
            Ok(answer)
        })
    }
}

/// How many questions that read rows are answered at a time; the others wait. Each may need further threads to read
/// files, of which there must be some left.
pub(crate) const CONCURRENT_READS_MAX: usize = 64;

/// Makes the functions that know every question: answering it, its contract, and the schemas of all.
macro_rules! questions {
    ($($question:ty => $($method:ident).+;)+) => {
        impl Engine {
            async fn dispatch(&self, name: &str, question: Json) -> Result<Json, Problem> {
                match name {
                    $(<$question as Question>::NAME => {
                        let answer: <$question as Question>::Answer =
                            self.$($method).+(read::<$question>(question)?).await?;
                        write(&answer)
                    })+
                    unknown => {
                        let names = [$(<$question as Question>::NAME),+];
                        let near = suggest::nearest(unknown, names);
                        let message = format!("no question is called {unknown:?}; there are: {}", names.join(", "));
                        Err(Problem::not_found(message, near))
                    }
                }
            }

            /// Returns the contracts of all questions as JSON Schema: see the module [`schema`](mod@kino_wire::schema).
            pub fn schema() -> Json {
                let mut contracts = Contracts::default();
                $(contracts.add::<$question>();)+
                contracts.finish()
            }

            /// Returns each question's name, and what reads one and writes it again.
            #[cfg(test)]
            fn read_and_write() -> Vec<(&'static str, fn(Json) -> Result<Json, Problem>)> {
                vec![$((<$question as Question>::NAME, |json| write(&read::<$question>(json)?))),+]
            }

            /// What a key must allow for the question called `name`, and what answering it takes; `None` where no
            /// question has that name.
            pub fn contract_of(name: &str) -> Option<(Access, Cost)> {
                match name {
                    $(<$question as Question>::NAME => {
                        Some((<$question as Question>::ACCESS, <$question as Question>::COST))
                    })+
                    _ => None,
                }
            }
        }
    };
}

questions! {
    find::FindQuestion => find;
    explain::ExplainTraceQuestion => explain_trace;
    explain::ExplainOperationQuestion => explain_operation;
    explain::ExplainSystemQuestion => explain_system;
    window::ExplainWindowQuestion => explain_window;
    suite::TestsQuestion => tests;
    predict::PredictQuestion => predict;
    compare::CompareQuestion => compare;
    diagnose::DiagnoseQuestion => diagnose;
    errors::ErrorsQuestion => errors;
    evidence::OpenQuestion => open_evidence;
    insights::InsightsQuestion => insights;
    insights::AcknowledgeFinding => inner.findings.acknowledge;
    insights::InsightsReceived => inner.findings.insights_received;
    insights::FindingsChanged => inner.findings.changes;
    hook::AfterCallQuestion => after_call;
    run::RunStart => run_start;
    run::RunFinish => run_finish;
    run::RunQuestion => run;
    run::RunsQuestion => runs;
    change::ChangeQuestion => change;
    check::CheckQuestion => check;
    check::BaselineQuestion => baseline;
    verify::VerifyStart => verify_start;
    verify::VerifyProgress => verify_progress;
    verify::VerifyLook => verify_look;
    verify::VerifyFinish => verify_finish;
    verify::VerifyQuestion => verify;
    live::LiveQuestion => live;
    live::OperationsQuestion => operations;
    live::ServicesQuestion => services;
    search::SearchQuestion => search;
    resolve::ResolveQuestion => resolve;
    admin::StatusQuestion => status;
    admin::LakeFilesQuestion => lake_files;
    admin::ForgetQuestion => forget;
    admin::StopQuestion => stop;
    admin::LogsQuestion => logs;
    admin::DoctorQuestion => doctor;
    sql::SqlSnapshotQuestion => sql_snapshot;
    sql::SqlReleaseQuestion => sql_release;
}

impl Engine {
    /// What every answer lacks because it cannot be read, if anything.
    pub fn damage(&self) -> Option<Damage> {
        let kino_store::Damage { groups, spans } = self.inner.store.damage();
        (groups > 0).then_some(Damage { groups, spans })
    }

    /// Answers on a thread where it delays neither ingestion nor other questions.
    async fn run_blocking(&self, name: String, question: Json) -> Result<Json, Problem> {
        let turn = Arc::clone(&self.inner.asking).acquire_owned().await.or_problem()?;
        let (engine, runtime) = (self.clone(), Handle::current());
        let answer = tokio::task::spawn_blocking(move || {
            let answer = runtime.block_on(engine.dispatch(&name, question));
            drop(turn);
            answer
        });
        answer.await.or_problem()?
    }
}

/// Reads a question; no body at all is the question without any wishes.
fn read<Q: Question>(json: Json) -> Result<Q, Problem> {
    let json = if json.is_null() { Json::Object(serde_json::Map::new()) } else { json };
    if !json.is_object() {
        // A list would be taken for the fields in their order.
        return Err(Problem::invalid(format!("the question `{}` is not a JSON object", Q::NAME)));
    }
    let read = Q::deserialize(&json);
    read.map_err(|error| {
        let why = error.to_string();
        let read_again = |json: &Json| Q::deserialize(json).err().map(|error| error.to_string());
        let field = field_at_fault(json, &why, &read_again).map(|field| format!(", field `{field}`"));
        Problem::invalid(format!("the question `{}`{}: {why}", Q::NAME, field.unwrap_or_default()))
    })
}

/// Returns the field without which a question no longer fails for this reason. `None` where the reason names it, where a
/// field is missing, or where several fail alike.
fn field_at_fault(mut question: Json, why: &str, read: &dyn Fn(&Json) -> Option<String>) -> Option<String> {
    let names: Vec<String> = question.as_object()?.keys().cloned().collect();
    names.into_iter().filter(|name| !why.contains(&format!("`{name}`"))).find(|name| {
        let Some(value) = question.as_object_mut().and_then(|fields| fields.remove(name)) else { return false };
        let is_at_fault = read(&question).as_deref() != Some(why);
        question[name.as_str()] = value;
        is_at_fault
    })
}

fn write<A: serde::Serialize>(answer: &A) -> Result<Json, Problem> {
    serde_json::to_value(answer).or_problem()
}

#[cfg(test)]
mod tests;
