//! The house is kept tidy: what a reader may rely on everywhere.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(dir), ending, &mut found);
    found.sort();
    found
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    for dir in ["src", "tests", "benches"] {
        for path in files(dir, ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with("//!") || text.starts_with("#![doc"),
                "{} does not begin with //!",
                path.display()
            );
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut section = "";
    let src: String = files("src", ".rs")
        .iter()
        .map(|p| fs::read_to_string(p).unwrap())
        .collect();
    let tests: String = ["tests", "benches", "src"]
        .iter()
        .flat_map(|dir| files(dir, ".rs"))
        .filter(|p| !p.ends_with("tidy.rs"))
        .map(|p| fs::read_to_string(p).unwrap())
        .collect();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, _)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim().replace('-', "_");
        let text = match section {
            "[dependencies]" => &src,
            "[dev-dependencies]" => &tests,
            _ => continue,
        };
        assert!(
            text.contains(&format!("{name}::")) || text.contains(&format!("use {name}")),
            "{section} {name} is not used"
        );
    }
}

#[test]
fn nothing_is_ignored_or_left_for_later() {
    for dir in ["src", "tests", "benches"] {
        for path in files(dir, ".rs") {
            if path.ends_with("tidy.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for sign in ["#[ignore", "todo!(", "unimplemented!(", "FIXME", "dbg!("] {
                assert!(!text.contains(sign), "{}: {sign}", path.display());
            }
        }
    }
}

#[test]
fn the_architecture_page_has_the_import_table_of_the_code() {
    let page = fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    for (room, may) in crate::layers::IMPORTS {
        let names = if may.contains(&"*") {
            "everything".to_owned()
        } else if may.is_empty() {
            "nothing".to_owned()
        } else {
            may.join(" ")
        };
        let row = format!("| `{room}` | {names} |");
        assert!(
            page.contains(&row),
            "src/ARCHITECTURE.md lacks the row: {row}"
        );
    }
}

/// The words of every command line of the README that calls the program, as itself or through cargo.
fn readme_commands() -> Vec<Vec<String>> {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let mut commands = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
            continue;
        }
        let line = line.trim().trim_start_matches("$ ");
        let line = line.strip_prefix("cargo run --release --").map_or_else(
            || line.to_owned(),
            |rest| format!("clubswitch {}", rest.trim()),
        );
        if !inside || !line.starts_with("clubswitch ") {
            continue;
        }
        // What the shell would take out: remarks, pipes, redirections, and quotes around blanks.
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.split(['|', '>', '&']).next().unwrap_or_default();
        let mut words = Vec::new();
        for (at, part) in line.split('"').enumerate() {
            if at % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        commands.push(words);
    }
    commands
}

#[test]
fn the_commands_of_the_readme_exist() {
    let commands = readme_commands();
    assert!(commands.len() >= 10, "{commands:?}");
    for words in commands {
        let parsed = clubswitch::cli::command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "{words:?}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_readme_begins_with_the_switch_and_its_tests() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let mut commands = page.lines().filter(|line| line.starts_with("cargo "));
    assert_eq!(commands.next(), Some("cargo run --release -- serve"));
    assert_eq!(commands.next(), Some("cargo test"));
    for name in ["justfile", ".ci/run"] {
        assert!(page.contains(name) && root().join(name).exists(), "{name}");
    }
}
