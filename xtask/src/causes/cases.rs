//! The cases: every fault in every service that can have it, and windows without any; and which of them are sealed.

use serde_json::{Value, json};

use super::faults::{FAULTS, Fault};
use super::services::{SERVICES, Service};
use crate::random::{Random, mix};

/// Of the services that can have a fault, one out of this many is sealed.
const SEALED_ONE_IN: usize = 3;
/// What a case without a fault is called.
const UNCHANGED: &str = "unchanged";

/// What is recorded once: a normal window, and one with a fault.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    /// `None` in a case without a fault.
    pub(super) cause: Option<PlantedCause>,
    /// Requests follow from it.
    pub(super) seed: u64,
}

impl Case {
    /// Returns whether it is of a sealed pair of service and fault.
    pub(super) fn is_sealed(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| is_sealed(cause.service.name, cause.fault.name()))
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct PlantedCause {
    pub(super) service: &'static Service,
    pub(super) fault: Fault,
    /// `None` where the fault is not one of a single handler.
    pub(super) operation: Option<&'static str>,
    pub(super) parameters: Value,
}

impl PlantedCause {
    /// What the service learns of it.
    pub(super) fn settings(&self) -> Value {
        let mut settings = self.parameters.clone();
        settings["kind"] = json!(self.fault.name());
        if let Some(operation) = self.operation {
            settings["operation"] = json!(operation);
        }
        settings
    }
}

/// Every case of a seed, in an order that spreads services and faults over the time of a recording.
pub(super) fn all(seed: u64, unchanged: usize) -> Vec<Case> {
    let suffix = if seed == 1 { String::new() } else { format!("-{seed}") };
    let mut cases = Vec::new();
    for service in &SERVICES {
        for fault in FAULTS.into_iter().filter(|fault| fault.applies_to(service)) {
            let name = format!("{}-{}{suffix}", service.name, fault.name());
            let seed = hash(&name);
            let (operation, parameters) = fault.draw(service, &mut Random(seed));
            cases.push(Case { name, cause: Some(PlantedCause { service, fault, operation, parameters }), seed });
        }
    }
    for number in 1..=unchanged {
        let name = format!("{UNCHANGED}-{number:02}{suffix}");
        cases.push(Case { seed: hash(&name), name, cause: None });
    }
    cases.sort_by_key(|case| mix(case.seed));
    cases
}

/// Returns whether a service is sealed for a fault, whatever the seed: of the services that can have the fault, those
/// whose names have the smallest hashes together with its own.
pub(super) fn is_sealed(service: &str, fault: &str) -> bool {
    sealed_pairs().any(|pair| pair == (service, fault))
}

/// Every sealed pair of a service and a fault.
pub(super) fn sealed_pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    FAULTS.into_iter().flat_map(|fault| {
        let able = SERVICES.iter().filter(|service| fault.applies_to(service)).map(|service| service.name);
        let mut able: Vec<&str> = able.collect();
        able.sort_by_key(|service| hash(&format!("{service}/{}", fault.name())));
        able.truncate((able.len() + 1) / SEALED_ONE_IN);
        able.into_iter().map(move |service| (service, fault.name()))
    })
}

/// FNV-1a, spread over all bits: the same on every machine and for ever.
fn hash(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn cases_have_names_of_their_own_and_about_a_third_is_sealed() {
        let cases = all(1, 5);
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        let causes: Vec<&PlantedCause> = cases.iter().filter_map(|case| case.cause.as_ref()).collect();
        assert_eq!(causes.len(), cases.len() - 5);
        for fault in FAULTS {
            let its = causes.iter().filter(|cause| cause.fault == fault);
            let sealed = its.clone().filter(|cause| is_sealed(cause.service.name, fault.name())).count();
            assert_eq!(sealed, (its.count() + 1) / 3, "{}", fault.name());
        }
    }

    #[test]
    fn a_case_is_the_same_each_time() {
        let text = |cases: Vec<Case>| format!("{cases:?}");
        assert_eq!(text(all(1, 2)), text(all(1, 2)));
        assert_ne!(text(all(1, 2)), text(all(2, 2)));
    }
}
