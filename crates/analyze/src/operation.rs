//! Operations: (service, span name) pairs under small numbers, so that no name is copied per span.

use foldhash::HashMap;
use kino_model::{Resource, Span};

/// The operations seen so far. Borrows every name from the spans.
#[derive(Debug, Default)]
pub(crate) struct Operations<'a> {
    ids: HashMap<(&'a str, &'a str), u32>,
    names: Vec<(&'a str, &'a str)>,
    // Spans of one sender share its resource, and looking its service up again and again would cost more than the rest.
    services: HashMap<*const Resource, &'a str>,
}

impl<'a> Operations<'a> {
    /// The number of the span's operation.
    pub(crate) fn of(&mut self, span: &'a Span) -> usize {
        let resource: *const Resource = &raw const *span.resource;
        let service = *self.services.entry(resource).or_insert_with(|| span.resource.service());
        let next = self.names.len() as u32;
        let id = *self.ids.entry((service, &span.name)).or_insert(next);
        if id == next {
            self.names.push((service, &span.name));
        }
        id as usize
    }

    /// Service and span name.
    pub(crate) fn name(&self, operation: usize) -> (&'a str, &'a str) {
        self.names[operation]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
