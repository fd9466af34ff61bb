//! The services of `causes/programs`: what each is written in, whom it asks, and which operations it has.

/// What a service is written in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Language {
    Python,
    Node,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) language: Language,
    /// Services that it asks; `bank` is a program that is not traced.
    pub(super) peers: &'static [&'static str],
    /// Operations that a fault of one handler can be in.
    pub(super) operations: &'static [&'static str],
    /// Whether it reads a database or files, or asks the bank.
    pub(super) has_store: bool,
}

/// The one that payment asks and that asks no traced service.
pub(super) const BANK: &str = "bank";
/// The one that requests come to.
pub(super) const GATEWAY: &str = "gateway";

/// All services; who is asked comes before who asks.
pub(super) const SERVICES: [Service; 8] = [
    Service {
        name: "pricing",
        language: Language::Python,
        peers: &[],
        operations: &["GET /prices/<int:item>", "POST /prices", "POST /quote"],
        has_store: true,
    },
    Service {
        name: "stock",
        language: Language::Python,
        peers: &[],
        operations: &["GET /levels/<int:item>", "POST /reserve", "POST /pick"],
        has_store: true,
    },
    Service {
        name: "payment",
        language: Language::Node,
        peers: &[BANK],
        operations: &["POST /charges", "GET /charges/:order"],
        has_store: true,
    },
    Service {
        name: "basket",
        language: Language::Node,
        peers: &["pricing"],
        operations: &["GET /baskets/:basket", "POST /baskets/:basket/lines", "POST /baskets/:basket/take"],
        has_store: true,
    },
    Service {
        name: "dispatch",
        language: Language::Python,
        peers: &["stock"],
        operations: &["orders process", "GET /shipments/<int:order>"],
        has_store: true,
    },
    Service {
        name: "catalog",
        language: Language::Python,
        peers: &["pricing", "stock"],
        operations: &["GET /items", "GET /items/<int:item>"],
        has_store: true,
    },
    Service {
        name: "checkout",
        language: Language::Python,
        peers: &["basket", "stock", "payment", "dispatch"],
        operations: &["POST /checkout", "GET /orders/<int:order>"],
        has_store: true,
    },
    Service {
        name: GATEWAY,
        language: Language::Node,
        peers: &["catalog", "basket", "checkout"],
        operations: &[
            "GET /items",
            "GET /items/:item",
            "POST /baskets/:basket/lines",
            "POST /checkout",
            "GET /orders/:order",
        ],
        has_store: false,
    },
];
