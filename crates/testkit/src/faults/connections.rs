//! Connections that are opened again though one was free, and those that are needed.

use kino_model::Trace;

use super::plan::{Scene, Step};
use super::{LookAlike, Planted, Suite};

pub(super) const SUITES: &[Suite] = &[Suite {
    code: "connection_churn",
    planted: &[
        Planted { name: "one for each item", subject: "pg.connect", build: for_each },
        Planted { name: "a pool that closes what comes back", subject: "pg.connect", build: closing_pool },
        Planted { name: "requests without keep-alive", subject: "tcp.connect", build: without_keep_alive },
    ],
    look_alikes: &[
        LookAlike { name: "one an execution", build: one_for_all },
        LookAlike { name: "as many as work at once", build: at_once },
        LookAlike { name: "a pool that is filled", build: filled },
        LookAlike { name: "taken from a pool", build: from_pool },
        LookAlike { name: "one to each of several servers", build: several_servers },
        LookAlike { name: "after a long pause", build: after_pauses },
        LookAlike { name: "in place of a broken one", build: in_place_of_broken },
    ],
}];

/// How many requests there are.
const REQUESTS: u64 = 4;

/// Something of the database `shop` on a host.
fn on(host: &str, step: Step) -> Step {
    step.with("db.system.name", "postgresql").with("db.namespace", "shop").with("server.address", host)
}

fn open(host: &str) -> Step {
    on(host, Step::client("pg.connect", 8.0))
}

fn query(host: &str) -> Step {
    on(host, Step::sql("pg.query", "SELECT a FROM item WHERE id = $1", 3.0))
}

/// Requests that do `item` several times, one after another.
fn items(scene: &mut Scene, count: u64, mut item: impl FnMut(u64) -> Vec<Step>) -> Vec<Trace> {
    scene.requests(REQUESTS, |scene, _| {
        let steps = (0..count).flat_map(&mut item).collect();
        scene.request("POST /work", steps)
    })
}

/// Four that need not be opened are the fewest that count.
fn count(scene: &mut Scene, is_least: bool) -> u64 {
    scene.count(is_least, 5)
}

fn for_each(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = count(scene, is_least);
    items(scene, count, |_| vec![open("db"), query("db")])
}

fn closing_pool(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = count(scene, is_least);
    let taken = || on("db", Step::client("pg-pool.connect", 0.2)).of(vec![open("db")]);
    items(scene, count, |_| vec![Step::work("load item", 0.3).of(vec![taken(), query("db")])])
}

fn without_keep_alive(scene: &mut Scene, is_least: bool) -> Vec<Trace> {
    let count = count(scene, is_least);
    items(scene, count, |number| {
        let socket = Step::work("tcp.connect", 6.0).with("net.peer.name", "prices").with("net.peer.port", 8080i64);
        let request = Step::http("GET", &format!("http://prices:8080/item/{number}"), 4.0);
        vec![request.with("server.address", "prices").with("server.port", 8080i64).of(vec![socket])]
    })
}

fn one_for_all(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let count = scene.between(5, 20);
    items(scene, count, |number| match number {
        0 => vec![open("db"), query("db")],
        _ => vec![query("db")],
    })
}

fn at_once(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let count = scene.between(6, 20);
    let work = || Step::work("load item", 0.3).of(vec![open("db"), query("db")]);
    items(scene, count, |number| vec![if number == 0 { work() } else { work().together() }])
}

fn filled(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let count = scene.between(6, 20);
    items(scene, 2 * count, |number| vec![if number < count { open("db") } else { query("db") }])
}

fn from_pool(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let count = scene.between(6, 20);
    items(scene, count, |_| vec![on("db", Step::client("pg-pool.connect", 8.0)), query("db")])
}

fn several_servers(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let count = scene.between(6, 20);
    items(scene, count, |number| {
        let host = format!("db-{number}");
        vec![open(&host), query(&host)]
    })
}

fn after_pauses(scene: &mut Scene, _: bool) -> Vec<Trace> {
    scene.unscaled();
    let count = scene.between(6, 12);
    items(scene, count, |_| vec![open("db").after(4_000.0), query("db")])
}

fn in_place_of_broken(scene: &mut Scene, _: bool) -> Vec<Trace> {
    let count = scene.between(6, 20);
    items(scene, count, |_| vec![open("db"), query("db").failed()])
}
