//! A `/proc` made of files, in which programs start others.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::*;

const MS: u64 = 1_000_000;

struct Machine {
    folder: TempDir,
    now: u64,
    /// When processes started, in ticks.
    started: BTreeMap<i32, u64>,
}

impl Machine {
    /// With the run's command as process 1.
    fn new(executable: &str) -> (Self, Commands) {
        let mut machine = Self { folder: tempfile::tempdir().unwrap(), now: 0, started: BTreeMap::new() };
        fs::create_dir(machine.path("self")).unwrap();
        symlink("/bin/kino", machine.path("self/exe")).unwrap();
        machine.starts(1, 0, executable);
        let above = Above {
            pid: 1,
            trace: TraceId([7; 16]),
            span: SpanId([7; 8]),
            start: 0,
            resource: vec![("service.name".to_owned(), "shop".to_owned())],
        };
        let commands = Commands::within(machine.folder.path(), above, Bounds { processes: 50, spans: 20 });
        (machine, commands)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn starts(&mut self, pid: i32, parent: i32, words: &str) {
        let task = self.path(&format!("{pid}/task/{pid}"));
        fs::create_dir_all(&task).unwrap();
        fs::write(task.join("children"), "").unwrap();
        self.started.insert(pid, self.now / 10 / MS);
        self.executes(pid, parent, words);
        let children = self.path(&format!("{parent}/task/{parent}/children"));
        if let Ok(known) = fs::read_to_string(&children) {
            fs::write(children, format!("{known}{pid} ")).unwrap();
        }
    }

    fn executes(&self, pid: i32, parent: i32, words: &str) {
        let executable = words.split(' ').next().unwrap();
        let ticks = self.started[&pid];
        let flags = if executable == "forked" { 64 } else { 0 };
        let stat = format!("{pid} ({executable}) S {parent} 1 1 0 -1 {flags} 0 0 0 0 1 2 0 0 20 0 1 0 {ticks} 0 0");
        fs::write(self.path(&format!("{pid}/stat")), stat).unwrap();
        fs::write(self.path(&format!("{pid}/cmdline")), words.replace(' ', "\0") + "\0").unwrap();
        fs::write(self.path(&format!("{pid}/status")), "Name:\tx\nVmHWM:\t    2048 kB\n").unwrap();
        let exe = self.path(&format!("{pid}/exe"));
        fs::remove_file(&exe).ok();
        symlink(format!("/bin/{executable}"), exe).unwrap();
    }

    fn ends(&self, pid: i32) {
        fs::remove_dir_all(self.path(&pid.to_string())).unwrap();
    }

    fn later(&mut self, commands: &mut Commands) {
        self.now += 20 * MS;
        self.sample(commands);
    }

    fn sample(&self, commands: &mut Commands) {
        let hundredths = self.now / 10 / MS;
        fs::write(self.path("uptime"), format!("{}.{:02} 0.00\n", hundredths / 100, hundredths % 100)).unwrap();
        commands.sample(self.moment());
    }

    fn moment(&self) -> ClockPair {
        ClockPair { monotonic: self.now, unix: i64::try_from(self.now).unwrap() }
    }

    /// The spans at the end, with the names of those that they are below, and what is said of them.
    fn finish(&self, commands: Commands, reporters: &[u32]) -> (Vec<String>, Sampled) {
        let (request, sampled) = commands.finish(self.moment(), &reporters.iter().copied().collect());
        (request.map(|(request, _)| below(&request)).unwrap_or_default(), sampled)
    }
}

fn spans(request: &[u8]) -> Vec<Json> {
    let request: Json = serde_json::from_slice(request).unwrap();
    request["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
}

fn below(request: &[u8]) -> Vec<String> {
    let spans = spans(request);
    let name = |id: &Json| {
        let above = spans.iter().find(|span| span["spanId"] == *id);
        above.map_or_else(|| if *id == "07".repeat(8) { "run" } else { "?" }, |span| span["name"].as_str().unwrap())
    };
    let line = |span: &Json| format!("{} < {}", span["name"].as_str().unwrap(), name(&span["parentSpanId"]));
    spans.iter().map(line).collect()
}

#[test]
fn commands_are_below_what_started_them() {
    let (mut machine, mut commands) = Machine::new("shop");
    machine.sample(&mut commands);
    machine.now += 7 * MS;
    machine.starts(2, 1, "git fetch");
    machine.starts(3, 2, "ssh git@host");
    machine.now += 13 * MS;
    machine.sample(&mut commands);
    machine.ends(3);
    machine.later(&mut commands);
    machine.ends(2);
    machine.later(&mut commands);
    let none = BTreeSet::new();
    assert!(commands.ended(machine.moment(), &none).is_none(), "what they report may be on its way");
    machine.now += 2 * WAIT_NANOS;
    let (request, count) = commands.ended(machine.moment(), &none).unwrap();
    assert_eq!((below(&request), count), (vec!["git < run".to_owned(), "ssh < git".to_owned()], 2));
    let git = &spans(&request)[0];
    assert_eq!((git["startTimeUnixNano"].as_str(), git["endTimeUnixNano"].as_str()), (Some("0"), Some("40000000")));
    let attributes = git["attributes"].to_string();
    for part in [
        r#"{"key":"process.command_args","value":{"arrayValue":{"values":[{"stringValue":"git"},{"stringValue":"fetch"}]}}}"#,
        r#"{"key":"kino.process.cpu_nanos","value":{"intValue":"30000000"}}"#,
        r#"{"key":"kino.process.peak_memory_bytes","value":{"intValue":"2097152"}}"#,
        r#"{"key":"kino.process.sampled","value":{"boolValue":true}}"#,
    ] {
        assert!(attributes.contains(part), "{part} in {attributes}");
    }
    assert!(!attributes.contains("exit") && !attributes.contains("outlives"), "{attributes}");
    let (rest, sampled) = machine.finish(commands, &[]);
    assert!(rest.is_empty(), "a command has one span");
    assert_eq!((sampled.commands, sampled.dropped), (2, 0));
}

#[test]
fn what_the_bootstrap_is_in_is_left_to_it() {
    // A script that starts a wrapper around what reports, and something else.
    let (mut machine, mut commands) = Machine::new("bash run.sh");
    machine.starts(2, 1, "sh -c pytest");
    machine.starts(3, 2, "python3 -m pytest");
    machine.starts(4, 3, "git status");
    machine.starts(5, 1, "python3 quiet.py");
    machine.starts(6, 5, "git log");
    machine.starts(7, 1, "curl http://localhost");
    machine.later(&mut commands);
    machine.later(&mut commands);
    let (found, _) = machine.finish(commands, &[3]);
    assert_eq!(found, ["python3 < run", "curl < run"]);
    // One that reports and has ended since.
    let (mut machine, mut commands) = Machine::new("bash run.sh");
    machine.starts(2, 1, "sh -c pytest");
    machine.starts(3, 2, "python3 -m pytest");
    machine.later(&mut commands);
    machine.ends(3);
    machine.later(&mut commands);
    machine.now += 2 * WAIT_NANOS;
    assert!(commands.ended(machine.moment(), &BTreeSet::from([3])).is_none());
    machine.ends(2);
    machine.later(&mut commands);
    assert!(machine.finish(commands, &[3]).0.is_empty());
}

#[test]
fn below_a_program_with_the_bootstrap_nothing_is_looked_for() {
    for command in ["python3 app.py", "node server.js", "kino run -- ./shop"] {
        let (mut machine, mut commands) = Machine::new(command);
        machine.starts(2, 1, "git status");
        machine.later(&mut commands);
        assert_eq!(commands.processes.len(), 1, "{command}");
        assert!(commands.pause() >= EVERY_IDLE);
        assert!(machine.finish(commands, &[]).0.is_empty());
    }
}

#[test]
fn what_a_tool_starts_is_the_program() {
    let (mut machine, mut commands) = Machine::new("cargo run");
    machine.starts(2, 1, "rustc --crate-name shop");
    machine.starts(3, 2, "cc -o shop");
    machine.later(&mut commands);
    machine.ends(2);
    machine.ends(3);
    // cargo becomes the program.
    machine.executes(1, 0, "shop --serve");
    machine.starts(4, 1, "git status");
    machine.later(&mut commands);
    assert_eq!(machine.finish(commands, &[]).0, ["git < run"]);
}

#[test]
fn a_copy_of_its_parent_is_no_command_until_it_executes_one() {
    let (mut machine, mut commands) = Machine::new("shop");
    machine.starts(2, 1, "forked");
    machine.starts(3, 1, "forked");
    machine.later(&mut commands);
    machine.executes(3, 1, "git log");
    machine.later(&mut commands);
    assert_eq!(machine.finish(commands, &[]).0, ["git < run"]);
}

#[test]
fn what_a_test_starts_is_below_the_test() {
    let (mut machine, mut commands) = Machine::new("cargo-nextest nextest run");
    machine.starts(2, 1, "kino __test target/shop --exact adds");
    machine.starts(3, 2, "shop-0a1b --exact adds");
    machine.starts(4, 3, "git init");
    let above = format!("TRACEPARENT=00-{}-{}-01\0", "07".repeat(16), "0a".repeat(8));
    fs::write(machine.path("4/environ"), above).unwrap();
    machine.later(&mut commands);
    let (request, _) = commands.finish(machine.moment(), &BTreeSet::from([2]));
    let spans = spans(&request.unwrap().0);
    assert_eq!((spans.len(), spans[0]["parentSpanId"].as_str()), (1, Some("0a0a0a0a0a0a0a0a")));
}

#[test]
fn one_that_lives_on_says_so_and_an_id_is_not_the_process() {
    let (mut machine, mut commands) = Machine::new("shop");
    machine.starts(2, 1, "git gc");
    machine.later(&mut commands);
    machine.ends(2);
    machine.now += 100 * MS;
    machine.starts(2, 1, "git push");
    machine.later(&mut commands);
    machine.later(&mut commands);
    let (request, count) = commands.finish(machine.moment(), &BTreeSet::new()).0.unwrap();
    assert_eq!(count, 2);
    let lives: Vec<bool> =
        spans(&request).iter().map(|span| span["attributes"].to_string().contains("outlives")).collect();
    assert_eq!(lives, [false, true]);
}

#[test]
fn where_the_system_lists_no_children_all_processes_are_read() {
    let (mut machine, mut commands) = Machine::new("shop");
    machine.starts(2, 1, "git status");
    machine.starts(3, 2, "less");
    machine.starts(9, 8, "another's");
    for pid in [1, 2, 3, 9] {
        fs::remove_file(machine.path(&format!("{pid}/task/{pid}/children"))).unwrap();
    }
    machine.later(&mut commands);
    machine.later(&mut commands);
    assert_eq!(machine.finish(commands, &[]).0, ["git < run", "less < git"]);
}

#[test]
fn beyond_the_bounds_commands_are_counted() {
    let (mut machine, mut commands) = Machine::new("shop");
    for pid in 2..62 {
        machine.starts(pid, 1, "true");
    }
    machine.later(&mut commands);
    let (found, sampled) = machine.finish(commands, &[]);
    assert_eq!((found.len(), sampled.commands, sampled.dropped), (20, 20, 40));
}

#[test]
fn samples_take_a_hundredth_of_a_core_at_most() {
    let (machine, mut commands) = Machine::new("shop");
    fs::write(machine.path("uptime"), "0.00 0.00\n").unwrap();
    let times = std::cell::RefCell::new(vec![899 * MS, 500 * MS + 4 * MS, 500 * MS]);
    let clock = || ClockPair { monotonic: times.borrow_mut().pop().unwrap(), unix: 1 };
    assert_eq!(commands.sample_if_due(&clock), Duration::from_millis(400));
    assert_eq!(commands.sample_if_due(&clock), Duration::from_millis(1), "not due yet");
    assert_eq!(commands.taken.2, 1);
}
