//! Whose traces a question is about.

use kino_wire::ask::Scope;

/// The project to keep to; `None` for all. Traces of unknown project always count, which the store sees to.
pub(crate) fn project(scope: &Scope) -> Option<String> {
    if scope.all { None } else { scope.project.clone().filter(|project| !project.is_empty()) }
}
