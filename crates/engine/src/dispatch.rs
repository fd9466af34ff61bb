//! Which question is answered where.

use kino_wire::ask::Asked;
use kino_wire::{Backend, Problem, Question};
use serde_json::Value as Json;

use crate::Engine;
use crate::suggest;

impl Backend for Engine {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let name = name.to_owned();
        Box::pin(async move { self.dispatch(&name, question).await })
    }
}

/// Reads the question, asks the method, and writes its answer.
macro_rules! answer {
    ($engine:expr, $name:expr, $json:expr; $($question:ty => $method:ident),+ $(,)?) => {
        match $name {
            $(<$question as Question>::NAME => {
                let answer: <$question as Question>::Answer = $engine.$method(read::<$question>($json)?).await?;
                write(&answer)
            })+
            unknown => {
                let names = [$(<$question as Question>::NAME),+];
                let near = suggest::nearest(unknown, names);
                let message = format!("no question is called {unknown:?}; there are: {}", names.join(", "));
                Err(Problem::not_found(message, near))
            }
        }
    };
}

impl Engine {
    async fn dispatch(&self, name: &str, question: Json) -> Result<Json, Problem> {
        use kino_wire::{
            admin, check, compare, errors, evidence, explain, find, insights, live, predict, run, search, sql, verify,
        };
        answer!(self, name, question;
            find::FindQuestion => find,
            explain::ExplainTraceQuestion => explain_trace,
            explain::ExplainOperationQuestion => explain_operation,
            explain::ExplainSystemQuestion => explain_system,
            predict::PredictQuestion => predict,
            compare::CompareQuestion => compare,
            errors::ErrorsQuestion => errors,
            evidence::OpenQuestion => open_evidence,
            insights::InsightsQuestion => insights,
            insights::AcknowledgeFinding => acknowledge_finding,
            insights::InsightsTold => insights_told,
            insights::FindingsChanged => findings_changed,
            run::RunStart => run_start,
            run::RunFinish => run_finish,
            run::RunQuestion => run,
            run::RunsQuestion => runs,
            check::CheckQuestion => check,
            check::BaselineQuestion => baseline,
            verify::VerifyStart => verify_start,
            verify::VerifyProgress => verify_progress,
            verify::VerifyFinish => verify_finish,
            verify::VerifyQuestion => verify,
            live::LiveQuestion => live,
            live::OperationsQuestion => operations,
            search::SearchQuestion => search,
            admin::StatusQuestion => status,
            admin::LakeFilesQuestion => lake_files,
            admin::ForgetQuestion => forget,
            admin::StopQuestion => stop,
            admin::LogsQuestion => logs,
            admin::DoctorQuestion => doctor,
            sql::SqlSnapshotQuestion => sql_snapshot,
            sql::SqlReleaseQuestion => sql_release,
        )
    }
}

/// Reads a question; no body at all is the question without any wishes.
fn read<Q: Question>(json: Json) -> Result<Q, Problem> {
    let json = if json.is_null() { Json::Object(serde_json::Map::new()) } else { json };
    serde_json::from_value(json).map_err(|error| Problem::invalid(format!("the question `{}`: {error}", Q::NAME)))
}

fn write<A: serde::Serialize>(answer: &A) -> Result<Json, Problem> {
    serde_json::to_value(answer).map_err(|error| Problem::internal(&error))
}
