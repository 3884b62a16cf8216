//! The tables of the configuration file, key by key.

use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Archiving, Config, LANGUAGE, Limits, Listener, LogFormat};
use crate::source::shape::plain;
use crate::source::{Shape, Table, Value, nearest};
use crate::spec::{self, Spec};
use crate::terms::{Channel, Local};
use crate::wire::framing::Framing;

const DAY: Duration = Duration::from_secs(86_400);

const WHOLE: Shape = Shape {
    what: "the configuration",
    fa: "",
    keys: &[
        plain("data", "the data folder"),
        plain("rules", "the folder of rule files"),
        plain("specs", "a folder of dialects beside those built in"),
        plain("listener", "a link that others open"),
        plain("admin", "metrics and health"),
        plain("keys", "where keys are"),
        plain("limits", "how much of what"),
        plain("archive", "where closed days go, and when"),
        plain("clock", "a clock that starts elsewhere"),
        plain("log", "how log lines look"),
    ],
    later: &["upstream", "hsm", "tracing"],
};

const LISTENER: Shape = Shape {
    what: "a listener",
    fa: "",
    keys: &[
        plain("name", "its name in logs and metrics, \"bank-a-pos\""),
        plain("bind", "address and port, \"127.0.0.1:8583\""),
        plain(
            "framing",
            "how a message's length is told, where it is not as usual for the dialect",
        ),
        plain("header", "text that stands after every length"),
        plain(
            "header_bytes",
            "bytes after every length that go back as they came",
        ),
        plain("dialect", "what its messages look like, \"iso87-ascii\""),
        plain(
            "acquirer",
            "the acquirer where a message names none, up to 11 digits",
        ),
        plain("authorised", "who asks the bank, \"elsewhere\""),
        plain("max_frame_bytes", "the longest message"),
        plain("max_connections", "connections at once"),
        plain("max_in_flight", "unanswered requests of one connection"),
        plain("idle_timeout", "silence that ends a connection"),
        plain(
            "partial_frame_timeout",
            "what a message that has begun may take",
        ),
        plain("require_sign_on", "whether a sign-on must come first"),
        plain("terminals", "the only terminals let in"),
        plain("test", "whether answers name the field at fault"),
        plain(
            "channel",
            "the way its messages come, for rules: pos, pos-cash, app, web, ussd, import",
        ),
        plain(
            "deadline",
            "after this long a request is not decided any more",
        ),
    ],
    later: &["tls", "mac", "iin", "allow_plaintext", "sources"],
};

const ADMIN: Shape = Shape {
    what: "[admin]",
    fa: "",
    keys: &[plain("http", "address and port of metrics and health")],
    later: &["tls", "events"],
};

const KEYS: Shape = Shape {
    what: "[keys]",
    fa: "",
    keys: &[plain("token", "the token key file")],
    later: &["zmk", "tmk", "hsm"],
};

const LIMITS: Shape = Shape {
    what: "[limits]",
    fa: "",
    keys: &[
        plain("queue", "requests that may wait to be decided"),
        plain("advice_max_age", "an older advice is not posted"),
        plain("duplicate_window", "how long a repeat finds its answer"),
        plain("recent_entries", "decisions kept in memory"),
        plain("known_entries", "decisions known again from memory"),
        plain("snapshot_every", "entries between two snapshots"),
        plain(
            "commit_timeout",
            "a commit that hangs for so long ends the process",
        ),
    ],
    later: &[],
};

const ARCHIVE: Shape = Shape {
    what: "[archive]",
    fa: "",
    keys: &[
        plain("dir", "the folder of closed days, compressed"),
        plain("after_days", "so many days stay in the journal"),
    ],
    later: &[],
};

const CLOCK: Shape = Shape {
    what: "[clock]",
    fa: "",
    keys: &[plain(
        "start",
        "what it shows at the start, \"1405/09/02 10:15\"",
    )],
    later: &[],
};

const LOG: Shape = Shape {
    what: "[log]",
    fa: "",
    keys: &[plain("format", "\"human\" or \"json\"")],
    later: &["level", "otlp"],
};

/// The whole file. What is faulty is told to the log of `root`, and counts as left out.
pub(super) fn config(root: Value<'_>) -> Option<Config> {
    let whole = root.table(&WHOLE)?;
    let data = whole.optional("data", Value::title).unwrap_or("./var");
    let specs = whole.optional("specs", folder);
    let rules = match whole.get("rules") {
        Some(value) => folder(value),
        None => Some(PathBuf::from("conf/rules")).filter(|usual| usual.is_dir()),
    };
    let listeners = whole.required("listener", |value| {
        let listeners = value.each(|one| listener(one, specs.as_ref()))?;
        names_differ(value);
        Some(listeners)
    });
    let limits = limits(&whole);
    Some(Config {
        file: None,
        data: PathBuf::from(data),
        rules,
        specs,
        http: in_table(&whole, "admin", &ADMIN, |t| t.optional("http", address)),
        token_key: in_table(&whole, "keys", &KEYS, |t| {
            t.optional("token", Value::title).map(PathBuf::from)
        }),
        archive: archive(&whole, &limits),
        limits,
        clock_start: in_table(&whole, "clock", &CLOCK, |t| t.optional("start", local)),
        log: in_table(&whole, "log", &LOG, |t| t.optional("format", log_format))
            .unwrap_or(LogFormat::Human),
        listeners: listeners?,
    })
}

fn in_table<T>(
    whole: &Table<'_>,
    key: &'static str,
    shape: &'static Shape,
    read: impl FnOnce(Table<'_>) -> Option<T>,
) -> Option<T> {
    read(whole.get(key)?.table(shape)?)
}

fn listener(value: Value<'_>, specs: Option<&PathBuf>) -> Option<Listener> {
    let table = value.table(&LISTENER)?;
    let name = table.required("name", Value::name);
    let bind = table.required("bind", address);
    let dialect = table.required("dialect", |value| dialect(value, specs));
    let framing = framing(&table, dialect.as_deref());
    let acquirer = table.required("acquirer", acquirer);
    table.optional("authorised", |v| v.one_of(&[("elsewhere", ())], &["here"]));
    let number = |key, usual, most| {
        let read = table.optional(key, |v| v.integer(1, most));
        usize::try_from(read.unwrap_or(usual)).unwrap_or(usize::MAX)
    };
    let length = |key, usual| table.optional(key, time).unwrap_or(usual);
    Some(Listener {
        max_connections: number("max_connections", 20_000, 1_000_000),
        max_in_flight: number("max_in_flight", 64, 65_536),
        idle_timeout: length("idle_timeout", Duration::from_secs(300)),
        partial_frame_timeout: length("partial_frame_timeout", Duration::from_secs(10)),
        require_sign_on: table
            .optional("require_sign_on", Value::boolean)
            .unwrap_or(false),
        terminals: table.optional("terminals", |v| v.each(terminal)),
        test: table.optional("test", Value::boolean).unwrap_or(false),
        channel: table
            .optional("channel", |v| v.one_of(&Channel::ALL, &[]))
            .unwrap_or_default(),
        deadline: table.optional("deadline", time),
        name: name?.to_owned(),
        bind: bind?,
        framing: framing?,
        dialect: dialect?,
        acquirer: acquirer?.to_owned(),
    })
}

fn names_differ(listeners: Value<'_>) {
    let mut seen = BTreeSet::new();
    for listener in listeners.list().unwrap_or_default() {
        let entries = listener.entries().unwrap_or_default();
        let Some(name) = entries.into_iter().find(|entry| entry.name == "name") else {
            continue;
        };
        if !seen.insert(name.value.raw()) {
            let title = format!("two listeners are called {}", name.value.raw());
            let fault = name.value.fault(LANGUAGE.name_form, title);
            name.value.report(fault.mend("give each a name of its own"));
        }
    }
}

fn framing(table: &Table<'_>, dialect: Option<&Spec>) -> Option<Framing> {
    let framing = match table.get("framing") {
        Some(value) => {
            let names = Framing::NAMES.map(|name| (name, name));
            Framing::named(value.one_of(&names, &[])?)?
        }
        None => dialect.map(Spec::usual_framing).unwrap_or_default(),
    };
    let most = table.optional("max_frame_bytes", |v| v.integer(64, 65_536));
    let framing = match most.and_then(|bytes| usize::try_from(bytes).ok()) {
        Some(bytes) => framing.with_body_bytes_max(bytes),
        None => framing,
    };
    let literal = table.optional("header", Value::title);
    let counted = table.optional("header_bytes", |v| v.integer(1, 256));
    match (literal, counted) {
        (Some(_), Some(_)) => {
            let value = table.get("header_bytes")?;
            let title = "`header` and `header_bytes` cannot both be given";
            value.report(value.fault(LANGUAGE.form, title).mend("leave one out"));
            None
        }
        (Some(text), None) => Some(framing.with_literal_header(text.as_bytes())),
        (None, Some(bytes)) => Some(framing.with_counted_header(bytes.unsigned_abs() as usize)),
        (None, None) => Some(framing),
    }
}

fn dialect(value: Value<'_>, specs: Option<&PathBuf>) -> Option<Arc<Spec>> {
    let name = value.title()?;
    let own = specs.filter(|folder| folder.join(format!("{name}.toml")).exists());
    let found = match own {
        Some(folder) => spec::load(folder, name).map(Some),
        None => Ok(spec::shipped(name)),
    };
    match found {
        Ok(Some(spec)) if spec.functions().is_empty() => {
            let title =
                format!("the dialect \"{name}\" is for describing messages, not for a link");
            let fault = value.fault(LANGUAGE.form, title);
            value.report(fault.mend("name one that has functions"));
            None
        }
        Ok(Some(spec)) => Some(Arc::new(spec)),
        Ok(None) => {
            let known = spec::SHIPPED.iter().map(|(name, _)| *name);
            let title = format!("there is no dialect \"{name}\"");
            let fault = value.fault(LANGUAGE.form, title);
            let near = nearest(name, known.clone());
            value.report(match near {
                Some(near) => fault.meant(Some(near)),
                None => fault.mend(format!("one of {}", known.collect::<Vec<_>>().join(", "))),
            });
            None
        }
        Err(faults) => {
            for fault in faults.0 {
                value.report(fault);
            }
            None
        }
    }
}

fn acquirer(value: Value<'_>) -> Option<&str> {
    let text = value.text()?;
    let right = (1..=11).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !right {
        let title = format!("\"{text}\" is no acquirer");
        let fault = value.fault(LANGUAGE.form, title);
        value.report(fault.label("1 to 11 digits, as field 32 carries them"));
    }
    right.then_some(text)
}

fn terminal(value: Value<'_>) -> Option<String> {
    let text = value.title()?;
    if text.len() > 8 || !text.is_ascii() {
        let title = format!("\"{text}\" is no terminal");
        value.report(
            value
                .fault(LANGUAGE.form, title)
                .label("at most 8 ASCII characters"),
        );
        return None;
    }
    Some(text.to_owned())
}

fn limits(whole: &Table<'_>) -> Limits {
    let mut limits = Limits::default();
    in_table(whole, "limits", &LIMITS, |table| {
        let number = |key, least, most| table.optional(key, |v: Value<'_>| v.integer(least, most));
        if let Some(queue) = number("queue", 64, 1_000_000) {
            limits.queue = queue.unsigned_abs() as usize;
        }
        if let Some(entries) = number("recent_entries", 1_000, 100_000_000) {
            limits.recent_entries = entries.unsigned_abs() as usize;
        }
        if let Some(entries) = number("known_entries", 1_024, 1_000_000_000) {
            limits.known_entries = entries.unsigned_abs() as usize;
        }
        if let Some(entries) = number("snapshot_every", 1_000, 1_000_000_000) {
            limits.snapshot_every = entries.unsigned_abs();
        }
        if let Some(most) = table.optional("commit_timeout", time) {
            limits.commit_timeout = most;
        }
        if let Some(age) = table.optional("advice_max_age", time) {
            limits.advice_max_age = age;
        }
        if let Some(window) = table.optional("duplicate_window", time) {
            limits.duplicate_window = window;
        }
        if limits.duplicate_window < limits.advice_max_age + DAY {
            let at = table
                .get("duplicate_window")
                .or_else(|| table.get("advice_max_age"))?;
            let days = (limits.advice_max_age + DAY)
                .as_secs()
                .div_ceil(DAY.as_secs());
            let fault = at
                .fault(LANGUAGE.form, "`duplicate_window` is too short")
                .why("an advice that may still be posted could be posted twice")
                .mend(format!("duplicate_window = \"{days}d\" or more"));
            at.report(fault);
        }
        Some(())
    });
    limits
}

/// Days that the journal keeps where nobody says how many, and beyond the time in which repeats are found.
const DAYS_KEPT: u32 = 10;
const DAYS_BEYOND: u32 = 2;

fn archive(whole: &Table<'_>, limits: &Limits) -> Archiving {
    let window = limits.duplicate_window.as_secs().div_ceil(DAY.as_secs());
    let least = u32::try_from(window).unwrap_or(u32::MAX) + DAYS_BEYOND;
    let mut archiving = Archiving {
        dir: None,
        after_days: DAYS_KEPT.max(least),
    };
    in_table(whole, "archive", &ARCHIVE, |table| {
        archiving.dir = table.optional("dir", Value::title).map(PathBuf::from);
        let days = table.optional("after_days", |value| value.integer(1, 36_600))?;
        archiving.after_days = u32::try_from(days).unwrap_or(u32::MAX);
        if archiving.after_days < least {
            let at = table.get("after_days")?;
            let fault = at
                .fault(LANGUAGE.form, "`after_days` is too short")
                .why("what a repeat or a reversal may still ask for must stay in the journal")
                .mend(format!("after_days = {least} or more"));
            at.report(fault);
        }
        Some(())
    });
    archiving
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            queue: 8192,
            advice_max_age: 7 * DAY,
            duplicate_window: 8 * DAY,
            recent_entries: 200_000,
            known_entries: 1 << 22,
            snapshot_every: 2_000_000,
            commit_timeout: Duration::from_secs(20),
        }
    }
}

/// A length of time above zero and at most a year.
fn time(value: Value<'_>) -> Option<Duration> {
    let time = value.duration()?;
    if time.is_zero() || time > 366 * DAY {
        let title = format!("`{}` must be above zero and at most a year", value.key());
        value.report(value.fault(LANGUAGE.form, title));
        return None;
    }
    Some(time)
}

fn address(value: Value<'_>) -> Option<SocketAddr> {
    let text = value.text()?;
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    if found.is_none() {
        let title = format!("\"{text}\" is no address");
        let fault = value
            .fault(LANGUAGE.form, title)
            .label("an address and a port");
        value.report(fault.mend(format!("{} = \"127.0.0.1:8583\"", value.key())));
    }
    found
}

fn folder(value: Value<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(value.title()?);
    if path.is_dir() {
        return Some(path);
    }
    let title = format!("there is no folder {}", path.display());
    let fault = value.fault(LANGUAGE.form, title);
    let cure = "make it, or leave the key out to use what is built in";
    value.report(fault.mend(cure));
    None
}

fn local(value: Value<'_>) -> Option<Local> {
    let text = value.text()?;
    let local = Local::parse(text);
    if local.is_none() {
        let title = format!("\"{text}\" is no day and time");
        let fault = value.fault(LANGUAGE.date, title);
        value.report(fault.mend("start = \"1405/09/02 10:15\""));
    }
    local
}

fn log_format(value: Value<'_>) -> Option<LogFormat> {
    value.one_of(
        &[("human", LogFormat::Human), ("json", LogFormat::Json)],
        &[],
    )
}
