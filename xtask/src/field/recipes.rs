//! `field/packages/NAME.json`: which package, at which version, and what of it is run.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

/// What a package is written in, and so how it is installed and instrumented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Language {
    Python,
    Node,
}

/// One package.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The file's name.
    pub(super) name: String,
    /// What is run, and whose work that is.
    pub(super) about: String,
    pub(super) language: Language,
    /// Packages with their versions; the first one is the one under study.
    pub(super) install: Vec<String>,
    /// The package whose sources (with tests and examples) are unpacked to run in; an empty folder without it.
    pub(super) sources: Option<String>,
    /// Below the sources.
    pub(super) folder: String,
    /// Lines for a shell that are not recorded.
    pub(super) setup: Vec<String>,
    /// Lines for a shell, each of which is one recorded run.
    pub(super) run: Vec<String>,
    /// Whether its lines say themselves, by `$KINO run --`, what is recorded, by what `kino run` injects.
    pub(super) is_injected: bool,
}

/// Every recipe, by name.
pub(super) fn all(root: &Path) -> anyhow::Result<Vec<Recipe>> {
    let folder = root.join("field/packages");
    let mut recipes = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a recipe whose name is not text")?;
        let text = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        recipes.push(recipe(name, &text).with_context(|| format!("{} is not a recipe", path.display()))?);
    }
    recipes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(recipes)
}

/// Which draw of sealed packages.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub(super) enum Draw {
    /// A third of the first packages
    First,
    /// Packages that came later, in the order drawn
    Second,
    /// The rest of that order, which was not recorded until the second draw had been opened
    Third,
    /// Other names again, in the order drawn
    Fourth,
    /// What was left of these, and other names once more
    Fifth,
    /// What the fifth had left, in its order, and then other names in theirs
    Sixth,
    /// Other names only
    Seventh,
    /// Other names by quotas of Node's, of Python's and of Django's packages
    Eighth,
    /// Other names by such quotas, of applications and of packages that bring what is run
    Ninth,
}

impl Draw {
    fn file(self) -> &'static str {
        match self {
            Self::First => "field/sealed.json",
            Self::Second | Self::Third => "field/second.json",
            Self::Fourth => "field/fourth.json",
            Self::Fifth => "field/fifth.json",
            Self::Sixth => "field/sixth.json",
            Self::Seventh => "field/seventh.json",
            Self::Eighth => "field/eighth.json",
            Self::Ninth => "field/ninth.json",
        }
    }
}

/// The names of the sealed packages of a draw.
pub(super) fn sealed(root: &Path, draw: Draw) -> anyhow::Result<Vec<String>> {
    let mut names = order(root, draw)?;
    let third = |names: &[String]| -> anyhow::Result<usize> {
        let drawn = read(root, draw)?;
        let first = drawn["third_from"].as_str().context("no \"third_from\"")?;
        names.iter().position(|name| name == first).with_context(|| format!("{first} was not drawn"))
    };
    Ok(match draw {
        Draw::First | Draw::Sixth | Draw::Seventh | Draw::Eighth | Draw::Ninth => names,
        Draw::Fourth | Draw::Fifth => {
            // What it had not reached was taken again.
            let later = if draw == Draw::Fourth { Draw::Fifth } else { Draw::Sixth };
            let again = order(root, later)?;
            names.retain(|name| !again.contains(name));
            names
        }
        Draw::Second => {
            names.truncate(third(&names)?);
            names
        }
        Draw::Third => names.split_off(third(&names)?),
    })
}

/// What the order of a draw follows from.
#[cfg(test)]
pub(super) fn seed(root: &Path, draw: Draw) -> anyhow::Result<u64> {
    read(root, draw)?["seed"].as_u64().context("no \"seed\"")
}

/// What a seed gave.
pub(super) fn order(root: &Path, draw: Draw) -> anyhow::Result<Vec<String>> {
    drawn(root, draw, "packages")
}

/// The names that these were drawn from; not all of them could be run.
pub(super) fn drawn_from(root: &Path, draw: Draw) -> anyhow::Result<Vec<String>> {
    drawn(root, draw, "drawn_from")
}

fn drawn(root: &Path, draw: Draw, key: &str) -> anyhow::Result<Vec<String>> {
    texts(&read(root, draw)?, key)
}

fn read(root: &Path, draw: Draw) -> anyhow::Result<Value> {
    let path = root.join(draw.file());
    let text = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

fn recipe(name: &str, text: &[u8]) -> anyhow::Result<Recipe> {
    let recipe: Value = serde_json::from_slice(text)?;
    let text = |key: &str| recipe[key].as_str().map(str::to_owned);
    let language = match recipe["language"].as_str() {
        Some("python") => Language::Python,
        Some("node") => Language::Node,
        other => bail!("the language is python or node, not {other:?}"),
    };
    Ok(Recipe {
        name: name.to_owned(),
        about: text("about").context("no \"about\"")?,
        language,
        install: texts(&recipe, "install")?,
        sources: text("sources"),
        folder: text("folder").unwrap_or_default(),
        setup: texts(&recipe, "setup")?,
        run: texts(&recipe, "run")?,
        is_injected: recipe["injected"].as_bool().unwrap_or_default(),
    })
}

fn texts(value: &Value, key: &str) -> anyhow::Result<Vec<String>> {
    let Some(list) = value.get(key) else { return Ok(Vec::new()) };
    let list = list.as_array().with_context(|| format!("{key:?} is not a list"))?;
    let text = |item: &Value| item.as_str().map(str::to_owned).with_context(|| format!("{key:?} has a non-text"));
    list.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_says_what_is_installed_and_run() {
        let text = br#"{ "about": "x", "language": "python", "install": ["a==1"], "run": ["pytest"] }"#;
        let recipe = recipe("a", text).unwrap();
        assert_eq!(recipe.install, ["a==1"]);
        assert_eq!((recipe.language, recipe.run.len(), recipe.sources), (Language::Python, 1, None));
    }

    #[test]
    fn an_unknown_language_is_refused() {
        assert!(recipe("a", br#"{ "about": "x", "language": "perl" }"#).is_err());
    }
}
