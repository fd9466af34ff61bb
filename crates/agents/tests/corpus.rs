//! Which command lines become `kino run`, by a list that e2e/test_hook.py executes too; and lines that no one has written.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use kino_agents::shell;
use kino_agents::wrap::{DEFAULT_PATTERNS, Pattern, wrapped};

const CORPUS: &str = include_str!("corpus.txt");
const PREFIX: &str = "kino run --call c1 --";

fn patterns() -> Vec<Pattern> {
    DEFAULT_PATTERNS.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

/// The lines of the corpus, without the mark of those that are not executed.
fn lines() -> Vec<String> {
    let is_line = |line: &&str| !line.is_empty() && !line.starts_with("# ");
    let own = |line: &str| line.strip_prefix("! ").filter(|rest| *rest != "pytest").unwrap_or(line).to_owned();
    let all = CORPUS.lines().filter(is_line).map(own);
    // A comment is a command line where something follows.
    let commented = CORPUS.lines().filter(|line| line.starts_with("# ") && line.contains('␤') && line.contains('⟦'));
    all.chain(commented.filter(|line| !line.contains(" is ")).map(str::to_owned))
        .map(|line| line.replace('␤', "\n").replace('␉', "\t"))
        .collect()
}

#[test]
fn each_line_of_the_corpus_is_rewritten_as_it_says() {
    let (patterns, lines) = (patterns(), lines());
    assert!(lines.len() >= 150, "{}", lines.len());
    let mut wrong = Vec::new();
    for line in lines {
        let given = line.replace('⟦', "");
        let expected = line.contains('⟦').then(|| line.replace('⟦', &format!("{PREFIX} ")));
        let is_program = |name: &str| !name.contains("not-there") && !name.contains("unknown");
        let made = wrapped(&given, &patterns, PREFIX, &is_program);
        if made != expected {
            wrong.push(format!("{given:?}\n  made     {made:?}\n  expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A generator without a library: the same lines on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// A line of the corpus, changed in a few places.
fn mutated(random: &mut Random, lines: &[String]) -> String {
    const PIECES: [&str; 24] = [
        "'", "\"", "\\", "`", "$(", ")", "${", "}", "<<", "\n", "|", "&", ";", "#", "(", "日", "\u{202e}", "=", "!",
        "~", "\t", "pytest ", "$((", ">",
    ];
    let mut line: Vec<char> = lines[random.below(lines.len())].replace('⟦', "").chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(line.len() + 1);
        match random.below(3) {
            0 if at < line.len() => drop(line.remove(at)),
            1 => {
                let other: Vec<char> = lines[random.below(lines.len())].replace('⟦', "").chars().collect();
                let from = random.below(other.len());
                line.splice(at..at, other[from..].iter().copied());
            }
            _ => drop(line.splice(at..at, PIECES[random.below(PIECES.len())].chars())),
        }
    }
    line.into_iter().collect()
}

#[test]
fn whatever_is_rewritten_is_the_line_itself_with_the_prefix_before_commands() {
    let (patterns, lines) = (patterns(), lines());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut rewritten = 0;
    for _ in 0..20_000 {
        let line = mutated(&mut random, &lines);
        let commands = shell::simple_commands(&line);
        let Some(made) = wrapped(&line, &patterns, PREFIX, &|_| true) else { continue };
        rewritten += 1;
        assert_eq!(made.replace(&format!("{PREFIX} "), ""), line.replace(&format!("{PREFIX} "), ""));
        // What was put in is read as the command that it was put before.
        let (before, after) = (commands.unwrap(), shell::simple_commands(&made).unwrap());
        assert_eq!(before.len(), after.len(), "{line:?}");
        for (before, after) in before.iter().zip(&after) {
            let words = after.words.strip_prefix(["kino", "run", "--call", "c1", "--"].map(str::to_owned).as_slice());
            assert_eq!(before.words, words.unwrap_or(&after.words), "{line:?}");
        }
    }
    assert!(rewritten > 1_000, "{rewritten}");
}

#[test]
fn long_and_deep_lines_take_no_time_and_are_left_alone() {
    for line in
        ["(".repeat(10_000), "$(".repeat(8_000), "a;".repeat(8_000), "\"${x:-".repeat(2_000), "pytest ".repeat(4_000)]
    {
        assert_eq!(wrapped(&line, &patterns(), PREFIX, &|_| true), None);
    }
    let stars = "*a".repeat(100) + "b";
    let pattern = Pattern::parse(&stars).unwrap();
    assert_eq!(wrapped(&"a".repeat(8_000), &[pattern], PREFIX, &|_| true), None);
}

#[test]
fn a_pattern_that_names_every_command_is_none() {
    for text in ["", "*", "* test", "** x"] {
        assert_eq!(Pattern::parse(text), None, "{text:?}");
    }
    let exact = [Pattern::parse("make check").unwrap(), Pattern::parse("./scripts/*.sh --all").unwrap()];
    let made = |line: &str| wrapped(line, &exact, "K", &|_| true);
    assert_eq!(made("make check"), Some("K make check".to_owned()));
    assert_eq!(made("make check x"), None);
    assert_eq!(made("./scripts/run.sh --all"), Some("K ./scripts/run.sh --all".to_owned()));
    assert_eq!(made("scripts/run.sh --all"), None);
}
