//! Rule files: the shipped ones load and mean what they say; each broken one gives exactly its message.
//!
//! A folder `fixtures/rules-bad/NAME` lays its files over the good set of `fixtures/rules-good`, or, where it has cards/ or
//! clearing/, over that of `fixtures/rules-federation`, and says in
//! `expected.txt`, and in Persian in `expected.fa.txt`, what `check` must draw. `UPDATE_FIXTURES=1` writes those files anew, for reading before they are kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clubswitch::ledger::{Names, PurseKind};
use clubswitch::rulefile::{compile, load, over, phrasebook};
use clubswitch::rules::{Condition, Earn, Part, SpendAt};
use clubswitch::source::{Fault, Faults, PERSIAN};
use clubswitch::terms::{Local, Rate, Rials, TimeOfDay};
use clubswitch::words::phrases::Phrasebook;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rule files below a folder by name, as `clubs/golestan.toml`.
pub(crate) fn texts(dir: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for folder in ["world", "clubs", "cards", "clearing", "lists"] {
        for entry in fs::read_dir(dir.join(folder)).into_iter().flatten() {
            let path = entry.expect("a folder of fixtures can be read").path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let name = format!("{folder}/{}", name.unwrap_or_default());
            texts.insert(name, fs::read_to_string(&path).expect("a fixture is text"));
        }
    }
    texts
}

/// World files first, as `load` reads them.
pub(crate) fn ordered(texts: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let mut list: Vec<(&str, &str)> = texts
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    let folders = ["world/", "clubs/", "cards/", "clearing/"];
    let folder = |name: &str| folders.iter().position(|folder| name.starts_with(folder));
    list.sort_by_key(|(name, _)| (folder(name).unwrap_or(folders.len()), *name));
    list
}

fn folders(dir: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(root().join(dir)).expect("the folder of fixtures is there");
    let mut found: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[test]
fn the_shipped_rules_load_without_a_note() {
    let loaded = load(&root().join("conf/rules"), &Names::default());
    let loaded = loaded.unwrap_or_else(|faults| panic!("\n{}", faults.drawn(false)));
    assert!(loaded.notes.0.is_empty(), "{}", loaded.notes);
}

#[test]
fn the_shipped_club_is_compiled_as_written() {
    let book = load(&root().join("conf/rules"), &Names::default())
        .unwrap()
        .rulebook;
    let mut names = Names::default();
    book.names.iter().for_each(|named| names.put(named.clone()));
    let shops: Vec<&str> = ["m-1001", "m-1002", "m-2001"].into();
    for code in shops {
        assert_eq!(book.world.shops[code].id, names.shop_id(code).unwrap());
    }
    assert_eq!(book.world.cut_over, TimeOfDay(86_370));
    assert_eq!(book.world.weekend, 0b110_0000);
    let [club] = &book.clubs[..] else {
        panic!("one club")
    };
    assert_eq!(names.club_id("golestan"), Some(club.id));
    let kinds: Vec<PurseKind> = club.purses.iter().map(|purse| purse.kind).collect();
    let all = [
        PurseKind::Points,
        PurseKind::ClubCredit,
        PurseKind::MerchantCredit,
    ];
    assert_eq!(kinds, all);
    // 150 rials for a point of 100 hundredths; one point for 10,000 rials.
    assert_eq!(
        club.purses[0].value,
        Some(Rate {
            value: 150,
            per: 100
        })
    );
    assert_eq!(
        club.accruals[0].earn,
        Earn::Per(Rate {
            value: 100,
            per: 10_000
        })
    );
    assert_eq!(club.purses[2].spend_at, SpendAt::SameMerchant);
    assert_eq!(
        club.discounts[0].when[..2],
        [
            Condition::Hours(vec![(TimeOfDay(28_800), TimeOfDay(43_200))]),
            Condition::BusinessDay(true)
        ]
    );
    assert_eq!(club.splits[0].parts.len(), 5);
    assert_eq!(club.splits[0].parts[4].1, Part::Rest);
    let redeem = club.redeem.as_ref().unwrap();
    assert!(!redeem.pin);
    assert_eq!(redeem.not_mcc, [4829, 6010, 6011]);
    assert_eq!(redeem.member_day_max, Some(Rials(5_000_000)));
}

#[test]
fn a_second_load_keeps_the_ids_and_brings_no_new_names() {
    let dir = root().join("conf/rules");
    let first = load(&dir, &Names::default()).unwrap().rulebook;
    let mut names = Names::default();
    first
        .names
        .iter()
        .for_each(|named| names.put(named.clone()));
    let second = load(&dir, &names).unwrap().rulebook;
    assert_eq!(second.names, []);
    assert_eq!(second.clubs, first.clubs);
    assert_eq!(second.sha256, first.sha256);
}

#[test]
fn another_text_is_another_hash() {
    let mut files = texts(&root().join("conf/rules"));
    let hash = |files: &BTreeMap<String, String>| {
        let loaded = compile(&ordered(files), &Names::default());
        loaded.unwrap().rulebook.sha256
    };
    let before = hash(&files);
    assert_eq!(
        before,
        load(&root().join("conf/rules"), &Names::default())
            .unwrap()
            .rulebook
            .sha256
    );
    files
        .get_mut("clubs/golestan.toml")
        .unwrap()
        .push_str("# more\n");
    assert_ne!(hash(&files), before);
}

#[test]
fn a_living_purse_stays_what_it_is() {
    let mut files = texts(&root().join("fixtures/rules-good"));
    let first = compile(&ordered(&files), &Names::default())
        .unwrap()
        .rulebook;
    let mut names = Names::default();
    first
        .names
        .iter()
        .for_each(|named| names.put(named.clone()));
    let club = files.get_mut("clubs/tulip.toml").unwrap();
    *club = club.replace("decimals = 2", "decimals = 3");
    let faults = compile(&ordered(&files), &names).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "clubs/tulip.toml:14:12: the decimals of the living purse \"points\" cannot change; \
         give the new purse another name"
    );
}

#[test]
fn every_broken_file_gives_exactly_its_message() {
    let good = texts(&root().join("fixtures/rules-good"));
    let federation = texts(&root().join("fixtures/rules-federation"));
    let running = compile(&ordered(&good), &Names::default())
        .unwrap()
        .rulebook;
    let mut living = Names::default();
    running
        .names
        .iter()
        .for_each(|named| living.put(named.clone()));
    let cases = folders("fixtures/rules-bad");
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let book = phrasebook();
    let mut wrong = Vec::new();
    for case in cases {
        let own = texts(&case);
        let between = |name: &String| name.starts_with("cards/") || name.starts_with("clearing/");
        let mut files = if own.keys().any(between) {
            federation.clone()
        } else {
            good.clone()
        };
        files.extend(own);
        // What R19 says is about purses that have been in force.
        let names = match case
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("r19"))
        {
            true => living.clone(),
            false => Names::default(),
        };
        let faults = match compile(&ordered(&files), &names) {
            Ok(mut loaded) => {
                let day = Local::parse("1405/10/12 12:00").unwrap();
                let now = loaded.rulebook.world.zone.moment(day);
                let later = over(&loaded, now);
                loaded.notes.0.extend(later.0);
                loaded.notes
            }
            Err(faults) => faults,
        };
        wrong.extend(in_english(&faults, &book));
        let persian = faults.told(|text| book.persian(text));
        for (name, drawn) in [
            ("expected.txt", faults.drawn(false)),
            ("expected.fa.txt", persian.drawn_in(&PERSIAN, false)),
        ] {
            let expected = case.join(name);
            if std::env::var_os("UPDATE_FIXTURES").is_some() {
                fs::write(&expected, &drawn).unwrap();
            }
            let wanted = fs::read_to_string(&expected).unwrap_or_default();
            if drawn.is_empty() || drawn != wanted {
                let at = expected.display();
                wrong.push(format!("{at}\nwanted\n{wanted}\ngot\n{drawn}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The sentences of faults that `src/words/persian.txt` has no Persian for.
pub(crate) fn in_english(faults: &Faults, book: &Phrasebook) -> Vec<String> {
    let sentences = |fault: &Fault| {
        let more = [fault.why.clone(), fault.mend.clone()];
        let told = [fault.title.clone(), fault.label.clone()];
        told.into_iter().chain(more.into_iter().flatten())
    };
    let all = faults.0.iter().flat_map(sentences);
    let left = all.filter(|sentence| book.persian(sentence).is_none());
    left.map(|sentence| format!("not in persian.txt: {sentence}"))
        .collect()
}

/// Parts of sentences, whose whole the broken files show, and what only programmers read.
const PARTS: [&str; 9] = [
    "or write the merchant's part as",
    "lower one part by",
    "raise one part by",
    " (7 is the next leap year)",
    "the season",
    "its time",
    "7 ended on 7, 7 day7 ago",
    "the shape of 7 lacks 7",
    "`7` is read as something else",
];

/// Also what no broken file says: the sentences are read from the code, with numbers for what fills them.
#[test]
fn every_sentence_of_the_reader_has_its_persian() {
    let book = phrasebook();
    let mut missing = Vec::new();
    for dir in ["src/rulefile", "src/source", "src/config"] {
        for path in folders(dir) {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            // The differences of two sets are told in English; the table of keys has its Persian beside it.
            if ["keys.rs", "diff.rs"].contains(&name.as_deref().unwrap_or_default()) {
                continue;
            }
            let code = fs::read_to_string(&path).unwrap();
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            let is_part = |told: &String| PARTS.iter().any(|part| told.starts_with(part));
            let left = sentences(code)
                .into_iter()
                .filter(|told| book.persian(told).is_none() && !is_part(told));
            missing.extend(left.map(|told| format!("{}: {told}", path.display())));
        }
    }
    assert!(
        missing.is_empty(),
        "not in src/words/persian.txt\n{}",
        missing.join("\n")
    );
}

/// What no folder of files can show: it has to do with the disk, or with how many there are; and parts of sentences.
const NOT_SHOWN: [&str; 13] = [
    "the file cannot be read",
    "the text is not UTF-8",
    "the first byte that is not",
    "save the file as UTF-8",
    "the folder of rules cannot be read",
    "a rule file must lie in",
    "7/ is part of the rule language",
    "take the folder away",
    "move it there",
    "there are more 7 than",
    "this asks more than 7 conditions",
    "use fewer named conditions",
    "the split \"7\" has 7 parts",
];

/// Whoever adds a check adds a file that breaks it.
#[test]
fn every_sentence_of_the_reader_is_shown_by_a_broken_file() {
    let shown = folders("fixtures/rules-bad").into_iter().map(|case| {
        let told = fs::read_to_string(case.join("expected.txt")).unwrap();
        told.replace("\n      ", " ")
    });
    let shown: Vec<String> = shown.collect();
    let mut missing = Vec::new();
    for path in folders("src/rulefile") {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if ["keys.rs", "diff.rs", "cost.rs"].contains(&name.as_deref().unwrap_or_default()) {
            continue;
        }
        let code = fs::read_to_string(&path).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for sentence in sentences(code) {
            let exempt = PARTS
                .iter()
                .chain(&NOT_SHOWN)
                .any(|start| sentence.starts_with(start));
            let pieces: Vec<&str> = sentence.split('7').collect();
            let stands = |told: &String| {
                let mut rest = told.as_str();
                pieces
                    .iter()
                    .all(|piece| match rest.split_once(&piece.replace('\n', " ")) {
                        Some((_, after)) => {
                            rest = after;
                            true
                        }
                        None => false,
                    })
            };
            if !exempt && !shown.iter().any(stands) {
                missing.push(format!("{}: {sentence}", path.display()));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "in no expected.txt of fixtures/rules-bad\n{}",
        missing.join("\n")
    );
}

/// What stands in quotes in code and is a sentence: it has a blank between words of small letters.
fn sentences(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in joined(code).lines() {
        let line = line.trim_start();
        // Assertions and reasons why something cannot fail are for programmers.
        if line.starts_with("//") || line.contains("expect(") || line.contains("assert") {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once('"') {
            let mut end = 0;
            let bytes = after.as_bytes();
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            let text = after.get(..end).unwrap_or_default();
            rest = after.get(end + 1..).unwrap_or_default();
            let text = filled(&text.replace("\\\"", "\"").replace("\\n", "\n"));
            let words = text
                .split(' ')
                .filter(|word| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase()));
            if words.count() > 1 {
                found.push(text);
            }
        }
    }
    found
}

/// Strings that go on in the next line, as one line.
fn joined(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some((before, after)) = rest.split_once("\\\n") {
        out.push_str(before);
        rest = after.trim_start();
    }
    out.push_str(rest);
    out
}

/// A text with 7 for each hole.
fn filled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
        } else if let Some((_, after)) = rest[at..]
            .split_once('}')
            .filter(|_| rest[at..].starts_with('{') && !rest[at..].starts_with("{ "))
        {
            out.push('7');
            rest = after;
        } else {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
    }
    out.push_str(rest);
    out
}

#[test]
fn conditions_do_not_nest_without_end() {
    let mut files = texts(&root().join("fixtures/rules-good"));
    let deep = format!("when = {}{}", "{ not = ".repeat(5_000), "}".repeat(5_000));
    let club = files.get_mut("clubs/tulip.toml").unwrap();
    *club = club.replace("[redeem]", &format!("{deep}\n[redeem]"));
    assert_eq!(
        compile(&ordered(&files), &Names::default()).unwrap_err().0[0].code,
        "R01"
    );
    // Each of these asks the one before it twice.
    let mut files = texts(&root().join("fixtures/rules-good"));
    let club = files.get_mut("clubs/tulip.toml").unwrap();
    for at in 0..60 {
        let of = if at == 0 {
            "morning".to_owned()
        } else {
            format!("c-{}", at - 1)
        };
        let any = format!("any = [{{ use = \"{of}\" }}, {{ use = \"{of}\" }}]");
        club.push_str(&format!("\n[condition.c-{at}]\n{any}\n"));
    }
    let faults = compile(&ordered(&files), &Names::default()).unwrap_err();
    assert_eq!(faults.0[0].title, "this asks more than 1000 conditions");
}

#[test]
fn a_misspelt_key_is_never_silently_accepted() {
    for dir in ["fixtures/rules-good", "fixtures/rules-federation"] {
        let good = texts(&root().join(dir));
        for (name, text) in &good {
            for (at, _) in text.match_indices(" = ") {
                let mut files = good.clone();
                let (before, after) = text.split_at(at);
                files.insert(name.clone(), format!("{before}-zz{after}"));
                let faults = compile(&ordered(&files), &Names::default()).unwrap_err();
                let told = faults
                    .0
                    .iter()
                    .any(|f| f.code == "R02" && f.title.contains("-zz` is not a key"));
                assert!(told, "{}", faults.drawn(false));
            }
        }
    }
}

#[test]
fn a_folder_says_what_is_wrong_with_it() {
    let check = |names: &[(&str, &str)], wanted: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let faults = load(dir.path(), &Names::default()).unwrap_err();
        let lines: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        assert_eq!(lines, wanted);
    };
    let calendar = "world: no world file has a [calendar]; \
                    add  [calendar]  with time_zone, cut_over and weekend";
    check(&[], &[calendar]);
    check(&[("world/notes.txt", "none of our business")], &[calendar]);
    check(
        &[("golestan.toml", "")],
        &[
            "golestan.toml: a rule file must lie in world/, clubs/, cards/ or clearing/; \
             move it there",
            calendar,
        ],
    );
    let faults = load(Path::new("/does/not/exist"), &Names::default()).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "/does/not/exist: the folder of rules cannot be read: No such file or directory (os error 2)"
    );
}

/// Whatever a slip of the hand makes of the good files, there is an answer, and a key that nobody knows is told.
#[test]
fn no_slip_of_the_hand_ends_the_program() {
    let good = texts(&root().join("fixtures/rules-good"));
    for (name, text) in &good {
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for (turn, at) in ends.iter().copied().enumerate().step_by(3) {
            let mut files = good.clone();
            let (before, after) = text.split_at(at);
            let slip = ["", "\"", "]", "=", "9", "-", "{", "\u{6f5}"][turn / 3 % 8];
            let rest = after.chars().skip(1).collect::<String>();
            files.insert(name.clone(), format!("{before}{slip}{rest}"));
            if let Err(faults) = compile(&ordered(&files), &Names::default()) {
                assert!(faults.errors() > 0 && !faults.drawn(true).is_empty());
            }
        }
    }
}

#[test]
fn what_is_counted_and_what_lifts_is_told_beside_the_cost() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in texts(&root().join("fixtures/rules-good")) {
        let by_points = "[tiers]\nmeasure = { earned = \"points\", in = \"30 days\" }";
        let text = text.replace("[tiers]", by_points);
        let text = text.replace("by_hand = true", "from_points = 100");
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_clubswitch"))
        .args(["rules", "check", "--cost", "--lang", "en"])
        .arg(dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "counted of each member from the load on: earned into points, 430 days",
        "tiers: by earned points in 30 days",
    ] {
        assert!(said.contains(wanted), "{wanted} in\n{said}");
    }
}
