//! Which question is answered where.

use std::sync::Arc;

use kino_text::suggest;
use kino_wire::admin::{LogsQuestion, StatusQuestion};
use kino_wire::ask::Asked;
use kino_wire::compare::CompareQuestion;
use kino_wire::diagnose::DiagnoseQuestion;
use kino_wire::errors::ErrorsQuestion;
use kino_wire::evidence::OpenQuestion;
use kino_wire::explain::{ExplainOperationQuestion, ExplainSystemQuestion, ExplainTraceQuestion};
use kino_wire::find::FindQuestion;
use kino_wire::live::OperationsQuestion;
use kino_wire::predict::PredictQuestion;
use kino_wire::window::ExplainWindowQuestion;
use kino_wire::{
    Backend, Damage, Problem, Question, admin, check, compare, diagnose, errors, evidence, explain, find, insights,
    live, predict, run, search, sql, verify, window,
};
use serde_json::Value as Json;
use tokio::runtime::Handle;

use crate::Engine;
use crate::config::KeyScope;

impl Backend for Engine {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let name = name.to_owned();
        Box::pin(async move {
            let mut answer = if READS.contains(&name.as_str()) {
                self.for_question().aside(name, question).await
            } else {
                self.for_question().dispatch(&name, question).await
            }?;
            // Asked afterwards: answering may have found it.
            if let Some(damage) = self.damage() {
                damage.put(&mut answer);
            }
            Ok(answer)
        })
    }
}

/// Questions that read rows, and may have much to compute on: they are answered on threads of their own.
const READS: &[&str] = &[
    FindQuestion::NAME,
    ExplainTraceQuestion::NAME,
    ExplainOperationQuestion::NAME,
    ExplainSystemQuestion::NAME,
    ExplainWindowQuestion::NAME,
    PredictQuestion::NAME,
    CompareQuestion::NAME,
    DiagnoseQuestion::NAME,
    ErrorsQuestion::NAME,
    OpenQuestion::NAME,
    OperationsQuestion::NAME,
    StatusQuestion::NAME,
    LogsQuestion::NAME,
];
/// So many of them at a time; the others wait. Each may need further threads to read files, of which there must be
/// some left.
pub(crate) const ASIDE_MAX: usize = 64;

/// Makes the two functions that know every question: the one that answers, and the one that says who may ask. A
/// question cannot be added without its scope.
macro_rules! questions {
    ($($question:ty => $method:ident, $scope:ident;)+) => {
        impl Engine {
            async fn dispatch(&self, name: &str, question: Json) -> Result<Json, Problem> {
                match name {
                    $(<$question as Question>::NAME => {
                        let answer: <$question as Question>::Answer =
                            self.$method(read::<$question>(question)?).await?;
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

            /// What a key must allow for the question called `name`; `None` where no question has that name.
            pub fn scope_of(name: &str) -> Option<KeyScope> {
                match name {
                    $(<$question as Question>::NAME => Some(KeyScope::$scope),)+
                    _ => None,
                }
            }
        }
    };
}

// `Read` changes nothing, `Ingest` adds records, `Admin` changes what others see, or ends the engine.
questions! {
    find::FindQuestion => find, Read;
    explain::ExplainTraceQuestion => explain_trace, Read;
    explain::ExplainOperationQuestion => explain_operation, Read;
    explain::ExplainSystemQuestion => explain_system, Read;
    window::ExplainWindowQuestion => explain_window, Read;
    predict::PredictQuestion => predict, Read;
    compare::CompareQuestion => compare, Read;
    diagnose::DiagnoseQuestion => diagnose, Read;
    errors::ErrorsQuestion => errors, Read;
    evidence::OpenQuestion => open_evidence, Read;
    insights::InsightsQuestion => insights, Read;
    insights::AcknowledgeFinding => acknowledge_finding, Admin;
    insights::InsightsTold => insights_told, Admin;
    insights::FindingsChanged => findings_changed, Read;
    run::RunStart => run_start, Ingest;
    run::RunFinish => run_finish, Ingest;
    run::RunQuestion => run, Read;
    run::RunsQuestion => runs, Read;
    check::CheckQuestion => check, Read;
    check::BaselineQuestion => baseline, Read;
    verify::VerifyStart => verify_start, Ingest;
    verify::VerifyProgress => verify_progress, Ingest;
    verify::VerifyLook => verify_look, Ingest;
    verify::VerifyFinish => verify_finish, Ingest;
    verify::VerifyQuestion => verify, Read;
    live::LiveQuestion => live, Read;
    live::OperationsQuestion => operations, Read;
    search::SearchQuestion => search, Read;
    admin::StatusQuestion => status, Read;
    admin::LakeFilesQuestion => lake_files, Read;
    admin::ForgetQuestion => forget, Admin;
    admin::StopQuestion => stop, Admin;
    admin::LogsQuestion => logs, Read;
    admin::DoctorQuestion => doctor, Read;
    sql::SqlSnapshotQuestion => sql_snapshot, Read;
    sql::SqlReleaseQuestion => sql_release, Read;
}

impl Engine {
    /// What every answer lacks because it cannot be read, if anything.
    pub fn damage(&self) -> Option<Damage> {
        let kino_store::Damage { groups, spans } = self.inner.store.damage();
        (groups > 0).then_some(Damage { groups, spans })
    }

    /// Answers where nothing else is held up: neither what arrives meanwhile nor other questions.
    async fn aside(&self, name: String, question: Json) -> Result<Json, Problem> {
        let turn = Arc::clone(&self.inner.asking).acquire_owned().await.map_err(|error| Problem::internal(&error))?;
        let (engine, runtime) = (self.clone(), Handle::current());
        let answer = tokio::task::spawn_blocking(move || {
            let answer = runtime.block_on(engine.dispatch(&name, question));
            drop(turn);
            answer
        });
        answer.await.map_err(|error| Problem::internal(&error))?
    }
}

/// Reads a question; no body at all is the question without any wishes.
fn read<Q: Question>(json: Json) -> Result<Q, Problem> {
    let json = if json.is_null() { Json::Object(serde_json::Map::new()) } else { json };
    if !json.is_object() {
        // A list would be taken for the fields in their order.
        return Err(Problem::invalid(format!("the question `{}` is not a JSON object", Q::NAME)));
    }
    serde_json::from_value(json).map_err(|error| Problem::invalid(format!("the question `{}`: {error}", Q::NAME)))
}

fn write<A: serde::Serialize>(answer: &A) -> Result<Json, Problem> {
    serde_json::to_value(answer).map_err(|error| Problem::internal(&error))
}
