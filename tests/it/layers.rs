//! The rooms and who may import whom, held against the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room, and the rooms it may name. A room may always name itself.
pub(crate) const IMPORTS: &[(&str, &[&str])] = &[
    ("terms", &[]),
    ("words", &["terms"]),
    ("source", &["terms"]),
    ("wire", &["terms"]),
    ("spec", &["terms", "source", "wire"]),
    ("message", &["terms", "wire", "spec"]),
    ("ledger", &["terms"]),
    ("rules", &["terms", "ledger"]),
    ("engine", &["terms", "ledger", "rules"]),
    ("settle", &["terms", "ledger"]),
    ("explain", &["terms", "words", "ledger", "rules"]),
    (
        "exchange",
        &["terms", "words", "wire", "spec", "message", "ledger"],
    ),
    ("keys", &["terms"]),
    ("rulefile", &["terms", "words", "source", "ledger", "rules"]),
    ("journal", &["terms"]),
    ("store", &["terms", "ledger", "journal"]),
    ("config", &["terms", "source", "wire", "spec", "rulefile"]),
    ("serve", &["*"]),
    ("cli", &["*"]),
];

/// Things of the world that only some rooms may touch: the text to look for, and where it may stand.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("tokio", &["serve", "cli"]),
    ("sled", &["store"]),
    ("zstd", &["journal"]),
    ("metrics::", &["serve"]),
    ("metrics_exporter_prometheus", &["serve"]),
    ("axum", &["serve"]),
    ("toml_edit", &["source"]),
    ("serde_json", &["settle", "serve", "cli", "message"]),
    ("quick_xml", &["settle"]),
    ("clap", &["cli"]),
    ("SystemTime::now", &["serve/clock.rs"]),
    ("std::net", &["serve", "cli", "config"]),
    ("std::thread", &["serve", "cli", "journal", "store"]),
    (
        "std::fs",
        &[
            "keys",
            "source",
            "journal",
            "store",
            "serve",
            "cli",
            "settle/publish.rs",
        ],
    ),
];

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The files of `src/`, each with its path below `src` and the lines that are code, not comment.
fn code() -> Vec<(String, Vec<(usize, String)>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let below = path
                .strip_prefix(&src)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            let lines = text
                .lines()
                .enumerate()
                .map(|(at, line)| (at + 1, line.trim().to_owned()))
                .filter(|(_, line)| !line.starts_with("//"))
                .collect();
            (below, lines)
        })
        .collect()
}

fn room_of(below: &str) -> &str {
    below
        .split('/')
        .next()
        .map_or(below, |first| first.trim_end_matches(".rs"))
}

/// The rooms named in a line as `crate::room` or inside `use crate::{room::…, …}`.
fn rooms_named(line: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let word = |text: &str| {
            text.trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect::<String>()
        };
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = 0;
            for (i, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => {
                        named.push(word(&group[start..i]));
                        break;
                    }
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        named.push(word(&group[start..i]));
                        start = i + 1;
                    }
                    _ => {}
                }
            }
        } else {
            named.push(word(rest));
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

#[test]
fn rooms_import_downward_only() {
    let allowed: BTreeMap<&str, &[&str]> = IMPORTS.iter().copied().collect();
    let mut broken = Vec::new();
    for (below, lines) in code() {
        let room = room_of(&below);
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(may) = allowed.get(room) else {
            broken.push(format!("src/{below}: the room {room} is not in the table"));
            continue;
        };
        if may.contains(&"*") {
            continue;
        }
        for (at, line) in lines {
            for named in rooms_named(&line) {
                if named != room
                    && allowed.contains_key(named.as_str())
                    && !may.contains(&named.as_str())
                {
                    broken.push(format!("src/{below}:{at}: {room} may not know {named}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_world_is_touched_only_at_the_edge() {
    let mut broken = Vec::new();
    for (below, lines) in code() {
        for (at, line) in lines {
            for (thing, homes) in ONLY_IN {
                let at_home = homes
                    .iter()
                    .any(|home| below.starts_with(home) || below == format!("{home}.rs"));
                let names_it = line.match_indices(thing).any(|(i, _)| {
                    !line[..i]
                        .ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '"')
                });
                if names_it && !at_home && room_of(&below) != "main" {
                    broken.push(format!(
                        "src/{below}:{at}: {thing} belongs to {}",
                        homes.join(", ")
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_money_wing_file_knows_a_field_number() {
    for (below, lines) in code() {
        if !["ledger", "rules", "engine", "settle"].contains(&room_of(&below)) {
            continue;
        }
        for (at, line) in lines {
            assert!(
                !line.contains("Message") && !line.contains("\"DE") && !line.contains("FieldSpec"),
                "src/{below}:{at}: the money wing knows no field of the wire: {line}"
            );
        }
    }
}
