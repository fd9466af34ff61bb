//! What happens to the view, and what it wants done: keys and answers in, questions out.

use kino_wire::evidence::{Open, OpenQuestion};
use kino_wire::explain::{ExplainTrace, ExplainTraceQuestion};
use kino_wire::find::{Find, FindQuestion};
use kino_wire::insights::{AcknowledgeFinding, Acknowledged, Changes, FindingsChanged, Insights, InsightsQuestion};
use kino_wire::live::{Live, LiveQuestion, Operations, OperationsQuestion, Services, ServicesQuestion};
use kino_wire::run::{Run, RunQuestion, Runs, RunsQuestion};
use kino_wire::search::{Search, SearchQuestion};
use kino_wire::{Backend, Problem, ask};

/// A key that means something to the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    /// A character, Shift applied.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The time that the view asked to be woken at has come.
    Wake,
    /// An answer came.
    Answered(Ticket, Result<Answer, Problem>),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Ask the engine; the answer comes as an event with this ticket.
    Ask(Ticket, Box<Ask>),
    /// Leave.
    Quit,
}

/// Which question an answer belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Declares the questions that the view asks, with their answers.
macro_rules! questions {
    ($($name:ident: $question:ty => $answer:ty, $about:literal;)+) => {
        /// A question.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Ask {
            $(#[doc = $about] $name($question),)+
        }

        /// What the engine said to a question of the view, by its kind.
        #[derive(Clone, Debug)]
        pub enum Answer {
            $(#[doc = $about] $name(Box<$answer>),)+
        }

        impl Ask {
            /// Asks it.
            pub(crate) async fn carry_out(&self, backend: &dyn Backend) -> Result<Answer, Problem> {
                match self {
                    $(Self::$name(question) => ask::ask(backend, question).await.map(Box::new).map(Answer::$name),)+
                }
            }
        }
    };
}

questions! {
    Live: LiveQuestion => Live, "Whether something changed.";
    Traces: FindQuestion => Find, "The newest traces.";
    Usual: OperationsQuestion => Operations, "How long operations usually take.";
    Explain: ExplainTraceQuestion => ExplainTrace, "Where a trace's time goes.";
    Open: OpenQuestion => Open, "Spans, logs or text.";
    Runs: RunsQuestion => Runs, "The newest runs.";
    Run: RunQuestion => Run, "What is known of a run.";
    Findings: InsightsQuestion => Insights, "What is wrong.";
    FindingsChanged: FindingsChanged => Changes, "Whether what is wrong changed.";
    Acknowledge: AcknowledgeFinding => Acknowledged, "The reader knows of a finding.";
    Services: ServicesQuestion => Services, "Which services there are.";
    Search: SearchQuestion => Search, "Searches outputs and logs for a text.";
}
