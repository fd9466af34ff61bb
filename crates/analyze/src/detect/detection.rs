//! What a detector says of a finding beside the finding itself: which spans it is about, which time it explains, and what
//! it would save. [`super::relate()`] and [`super::worth`] judge by it.

use crate::finding::Finding;

/// A span of an execution of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SpanRef {
    /// The execution's number in the group.
    pub(super) execution: usize,
    /// The span's index in its trace.
    pub(super) span: usize,
}

/// A part of the time of a span and of all below it, in Unix nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) place: SpanRef,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// A finding with what it is about, as a detector gives it.
#[derive(Clone, Debug)]
pub(super) struct Detection {
    pub(super) finding: Finding,
    pub(super) about: Vec<SpanRef>,
    /// Whether only the own time of these spans counts, without what is below them.
    pub(super) is_own: bool,
    pub(super) explains: Vec<Stretch>,
    /// Calls of one execution that would not be made any more.
    pub(super) calls_saved: Option<f64>,
    /// Time of one execution that it speaks of without a claim to save it, in nanoseconds.
    pub(super) concerned_nanos: Option<f64>,
}

impl Detection {
    pub(super) fn new(finding: Finding) -> Self {
        Self {
            finding,
            about: Vec::new(),
            is_own: false,
            explains: Vec::new(),
            calls_saved: None,
            concerned_nanos: None,
        }
    }

    /// Says whose time changes if this is repaired: these spans' and that of all below them.
    pub(super) fn about(mut self, places: impl IntoIterator<Item = (usize, usize)>) -> Self {
        self.about.extend(places.into_iter().map(|(execution, span)| SpanRef { execution, span }));
        self.about.sort_unstable();
        self.about.dedup();
        self
    }

    /// The spans whose time changes if it is repaired, by execution.
    pub(super) fn places(&self) -> &[SpanRef] {
        &self.about
    }

    /// As [`Self::about`], of these spans' own time alone.
    pub(super) fn about_own(self, places: impl IntoIterator<Item = (usize, usize)>) -> Self {
        Self { is_own: true, ..self.about(places) }
    }

    /// Says which time passes for this reason.
    pub(super) fn explaining(mut self, stretches: impl IntoIterator<Item = Stretch>) -> Self {
        self.explains.extend(stretches);
        self.explains.sort_unstable_by_key(|stretch| (stretch.place.execution, stretch.start, stretch.end));
        self
    }

    /// Says how many calls of one execution would not be made any more.
    pub(super) fn saving_calls(self, calls: f64) -> Self {
        Self { calls_saved: Some(calls), ..self }
    }

    /// Whether it says that something would be saved, in time or in calls.
    pub(super) fn claims_saving(&self) -> bool {
        self.finding.saving_nanos.is_some() || self.calls_saved.is_some()
    }

    /// Says which time of one execution it speaks of, in nanoseconds, where it claims to save none.
    pub(super) fn concerning(self, nanos: f64) -> Self {
        Self { concerned_nanos: Some(nanos), ..self }
    }
}
