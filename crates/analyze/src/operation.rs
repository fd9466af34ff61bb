//! Operations: (service, span name) pairs under small numbers, so that no name is copied per span.

use std::borrow::Cow;

use foldhash::HashMap;
use kino_model::{Resource, Span};

/// The operations seen so far. Borrows every name from the spans.
#[derive(Debug, Default)]
pub(crate) struct OperationIds<'a> {
    ids: HashMap<(&'a str, Cow<'a, str>), u32>,
    names: Vec<(&'a str, Cow<'a, str>)>,
    // Spans of one sender share its resource, and looking its service up again and again would cost more than the rest.
    services: HashMap<*const Resource, &'a str>,
}

impl<'a> OperationIds<'a> {
    /// The number of the span's operation.
    pub(crate) fn of(&mut self, span: &'a Span) -> usize {
        self.named(span, Cow::Borrowed(&*span.name))
    }

    /// The number of an operation of the span's service under another name.
    pub(crate) fn named(&mut self, span: &'a Span, name: Cow<'a, str>) -> usize {
        let resource: *const Resource = &raw const *span.resource;
        let service = *self.services.entry(resource).or_insert_with(|| span.resource.service());
        self.numbered(service, name)
    }

    /// The number of an operation of a service of which no span need be known.
    pub(crate) fn of_service(&mut self, service: &'a str, name: &'a str) -> usize {
        self.numbered(service, Cow::Borrowed(name))
    }

    /// The number of an operation of a service, whatever its name comes from.
    pub(crate) fn numbered(&mut self, service: &'a str, name: Cow<'a, str>) -> usize {
        let next = self.names.len() as u32;
        let id = *self.ids.entry((service, name.clone())).or_insert(next);
        if id == next {
            self.names.push((service, name));
        }
        id as usize
    }

    /// Service and name.
    pub(crate) fn name(&self, operation: usize) -> (&'a str, &str) {
        let (service, name) = &self.names[operation];
        (service, name)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
