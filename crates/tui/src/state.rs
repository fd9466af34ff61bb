//! What is on the screen, and what it is waiting for. Pure: it changes in `update` alone, and `view` draws it.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use kino_wire::ask::Scope;
use kino_wire::find::FindItem;
use kino_wire::insights::{Insight, InsightsLeftOut};
use kino_wire::run::RunItem;

use crate::document::{Doc, Goal, Way};
use crate::event::{Ask, Ticket};
use crate::filter::Filter;
use crate::list::List;
use crate::trace::TracePage;

/// The least room that the view can be drawn in.
pub(crate) const COLUMNS_MIN: u16 = 60;
/// As `COLUMNS_MIN`, in rows.
pub(crate) const ROWS_MIN: u16 = 12;
/// Rows around the body: the bar at the top, the line below it, and the hints at the bottom.
pub(crate) const FRAME_ROWS: u16 = 3;
/// Pages on top of each other; opening one more closes the lowest.
pub(crate) const PAGES_MAX: usize = 32;

/// The options of `kino watch`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose traces.
    pub scope: Scope,
    /// Only traces with a span of this service, at first.
    pub service: Option<String>,
    /// Whether colour is used.
    pub colour: bool,
    /// The reader's time zone.
    pub zone: TimeZone,
}

/// Traces that are asked for at first, and how many more as the reader comes near the end.
pub(crate) const TRACES_AT_ONCE: usize = 100;

/// What can be in front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pane {
    /// Traces as they come.
    #[default]
    Traces,
    /// What is wrong.
    Findings,
    Runs,
}

impl Pane {
    /// In the order of their keys.
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Findings, Self::Runs];

    /// What it is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Traces => "Traces",
            Self::Findings => "Findings",
            Self::Runs => "Runs",
        }
    }
}

/// How the engine can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not known yet.
    #[default]
    Waiting,
    /// It answers.
    Up,
    /// It does not; when to try again, and what it said.
    Down {
        /// In milliseconds of the loop's clock.
        retry_at: u64,
        /// For a person.
        message: String,
    },
}

/// When a list has to be asked for again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fresh {
    /// Whether something changed since it was asked for.
    pub(crate) stale: bool,
    /// Not before this, in milliseconds of the loop's clock.
    pub(crate) not_before: u64,
}

/// Traces as they come.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    /// Which.
    pub(crate) filter: Filter,
    /// Those that the engine gave, newest first.
    pub(crate) items: Vec<FindItem>,
    /// Whether there are more.
    pub(crate) more: bool,
    /// How many to ask for.
    pub(crate) wanted: usize,
    /// The place in those that are shown.
    pub(crate) list: List,
    /// Whether any answer came.
    pub(crate) loaded: bool,
    /// Why there is no list.
    pub(crate) error: Option<String>,
    /// When to ask.
    pub(crate) fresh: Fresh,
}

/// Runs, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    /// Those that the engine gave.
    pub(crate) items: Vec<RunItem>,
    /// How many it left out.
    pub(crate) left_out: u64,
    /// The place in them.
    pub(crate) list: List,
    /// Whether any answer came.
    pub(crate) loaded: bool,
    /// Why there is no list.
    pub(crate) error: Option<String>,
    /// When to ask.
    pub(crate) fresh: Fresh,
}

/// What is wrong, as the engine keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// Those that the engine gave, in the order that is shown.
    pub(crate) items: Vec<Insight>,
    /// What it left out.
    pub(crate) left_out: InsightsLeftOut,
    /// Whether those that are fixed, known or gone are shown, too.
    pub(crate) all: bool,
    /// Whether the newest change comes first, rather than what is worth most.
    pub(crate) newest: bool,
    /// The place in them.
    pub(crate) list: List,
    /// Whether any answer came.
    pub(crate) loaded: bool,
    /// The newest change that is known.
    pub(crate) sequence: Option<u64>,
    /// The newest change when the view began: what is newer is new to the reader.
    pub(crate) known: Option<u64>,
    /// Why there is no list.
    pub(crate) error: Option<String>,
    /// When to ask.
    pub(crate) fresh: Fresh,
}

/// How long an operation usually takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usual {
    /// The median.
    pub(crate) p50: i64,
    /// What one in twenty exceeds.
    pub(crate) p95: i64,
}

/// Something that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Which; never used again.
    pub(crate) id: u64,
    /// What it is called.
    pub(crate) title: String,
    /// The question that loads all of it again; `None` where the page was made here.
    pub(crate) origin: Option<Ask>,
    /// What to go to as soon as it is there.
    pub(crate) goal: Option<Goal>,
    /// What went wrong with it.
    pub(crate) error: Option<String>,
    /// What is on it.
    pub(crate) content: Content,
}

/// What is on a page.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The answer has not come.
    Waiting,
    Trace(Box<TracePage>),
    /// Text, and where it goes on.
    Doc(Box<Doc>, Option<BlobSource>),
}

/// The blob that a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobSource {
    /// Its hash.
    pub(crate) blob: String,
    /// Where what is not here yet begins; `None` at the end.
    pub(crate) next_offset: Option<u64>,
    /// Where what a page has no room for begins.
    pub(crate) cut_at: Option<u64>,
    /// Its bytes.
    pub(crate) total: u64,
    /// Escape sequences that are not shown.
    pub(crate) removed: u64,
}

/// What a line of input is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To narrow the list of traces.
    Filter,
    /// To search the page.
    Find,
    /// To search all outputs and logs.
    Search,
}

/// A line of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// What for.
    pub(crate) purpose: Purpose,
    /// Its text so far.
    pub(crate) text: String,
    /// What is wrong with it.
    pub(crate) error: Option<String>,
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// To what waits for new traces.
    Live,
    /// To the list of traces, asked at this time.
    Traces(u64),
    /// To the list of runs, asked at this time.
    Runs(u64),
    /// To the list of findings, asked at this time.
    Findings(u64),
    /// To what waits for changed findings.
    FindingsChanged,
    /// To the acknowledgement of a finding.
    Acknowledged {
        /// Whether it undoes one.
        undo: bool,
    },
    /// To what is usual.
    Usual,
    Page(u64, TracePart),
}

/// A part of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TracePart {
    /// All of it.
    Whole,
    /// Where a trace's time goes.
    Explained,
    /// A trace's spans, or a text, from here on.
    From(u64),
}

/// The whole screen.
#[derive(Debug)]
pub struct State {
    /// As the command gave them.
    pub(crate) options: Options,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    /// What is in front, below the pages.
    pub(crate) front: Pane,
    /// Traces as they come.
    pub(crate) traces: Traces,
    /// What is wrong.
    pub(crate) findings: Findings,
    pub(crate) runs: Runs,
    /// What was opened, the last in front.
    pub(crate) pages: Vec<Page>,
    /// When to ask for the unfinished trace that is in front.
    pub(crate) page_fresh: Fresh,
    /// A search that goes on in what is still to come of a text.
    pub(crate) searching: Option<Way>,
    /// A line of input, if one is open.
    pub(crate) prompt: Option<Prompt>,
    /// Whether the keys are explained.
    pub(crate) help: bool,
    /// Whether lists stand still.
    pub(crate) paused: bool,
    /// How the engine can be reached.
    pub(crate) link: Link,
    /// Something to say once.
    pub(crate) notice: Option<String>,
    /// By service and name.
    pub(crate) usual: HashMap<(String, String), Usual>,
    /// When to ask for what is usual.
    pub(crate) usual_fresh: Fresh,
    /// The engine's count of changes, once it is known.
    pub(crate) seen: Option<u64>,
    /// The time, in Unix nanoseconds.
    pub(crate) now_unix_nanos: i64,
    /// Questions under way.
    pub(crate) asked: Vec<(Ticket, Slot)>,
    /// Numbers for tickets and pages.
    pub(crate) numbers: u64,
}

impl State {
    /// A screen that knows nothing yet.
    pub fn new(options: Options, size: (u16, u16)) -> Self {
        let stale = Fresh { stale: true, not_before: 0 };
        let filter = Filter { service: options.service.clone(), ..Filter::default() };
        let traces = Traces {
            filter,
            items: Vec::new(),
            more: false,
            wanted: TRACES_AT_ONCE,
            list: List::default(),
            loaded: false,
            error: None,
            fresh: stale.clone(),
        };
        Self {
            options,
            size,
            front: Pane::default(),
            traces,
            findings: Findings { fresh: stale.clone(), ..Findings::default() },
            runs: Runs { fresh: stale.clone(), ..Runs::default() },
            pages: Vec::new(),
            page_fresh: Fresh::default(),
            searching: None,
            prompt: None,
            help: false,
            paused: false,
            link: Link::default(),
            notice: None,
            usual: HashMap::new(),
            usual_fresh: stale,
            seen: None,
            now_unix_nanos: 0,
            asked: Vec::new(),
            numbers: 0,
        }
    }

    /// Whether there is room enough to draw in.
    pub(crate) fn fits(&self) -> bool {
        self.size.0 >= COLUMNS_MIN && self.size.1 >= ROWS_MIN
    }

    pub(crate) fn body_rows(&self) -> usize {
        usize::from(self.size.1.saturating_sub(FRAME_ROWS))
    }

    /// Rows of a list: the body without its headings.
    pub(crate) fn list_rows(&self) -> usize {
        self.body_rows().saturating_sub(1)
    }

    /// Rows of a trace's lists: the body without what is said of the trace, its sides and their headings.
    pub(crate) fn trace_rows(&self) -> usize {
        self.body_rows().saturating_sub(4)
    }

    /// Columns of a text.
    pub(crate) fn doc_columns(&self) -> usize {
        usize::from(self.size.0.saturating_sub(2))
    }

    /// The traces that the filter's words leave.
    pub(crate) fn shown_traces(&self) -> Vec<&FindItem> {
        self.traces.items.iter().filter(|item| self.traces.filter.shows(item)).collect()
    }
}
