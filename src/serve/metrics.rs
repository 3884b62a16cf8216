//! What is measured, by the names the dashboards know. Handles are made once; on the way of a message only they are touched.
//! No label holds a card, member, terminal, shop or reference.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use super::commands::clearing::{Stands, standing};
use super::door::Outcome;
use crate::engine::{Engine, How};
use crate::exchange::{Counts, Dropped};
use crate::journal::Appended;
use crate::ledger::{Function, Verdict};
use crate::spec::Spec;
use crate::terms::{Map, Moment};

const SECONDS: [f64; 15] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const GROUPS: [f64; 11] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];

const REQUESTS: &str = "clubswitch_requests_total";
const REQUEST_SECONDS: &str = "clubswitch_request_duration_seconds";
const STAGE_SECONDS: &str = "clubswitch_stage_duration_seconds";
const CODES: &str = "clubswitch_response_code_total";
const IN_FLIGHT: &str = "clubswitch_inflight_requests";
const CONNECTIONS: &str = "clubswitch_connections";
const FRAMES_REJECTED: &str = "clubswitch_frames_rejected_total";
const READS: &str = "clubswitch_link_reads_total";
const WRITES: &str = "clubswitch_link_writes_total";
const DUPLICATES: &str = "clubswitch_duplicates_total";
const REVERSALS: &str = "clubswitch_reversals_total";
const LATE: &str = "clubswitch_late_responses_total";
const APPEND_SECONDS: &str = "clubswitch_journal_append_duration_seconds";
const FSYNC_SECONDS: &str = "clubswitch_journal_fsync_duration_seconds";
const JOURNAL_BYTES: &str = "clubswitch_journal_bytes_total";
const JOURNAL_SEQUENCE: &str = "clubswitch_journal_sequence";
const GROUP_SIZE: &str = "clubswitch_commit_batch_size";
const POSITION: &str = "clubswitch_clearing_position_rial";
const POSITION_MOST: &str = "clubswitch_clearing_position_most_rial";

/// Begins to measure. Called once a process.
///
/// # Errors
/// When the process measures already.
pub(super) fn begin() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .set_buckets_for_metric(
            metrics_exporter_prometheus::Matcher::Full(GROUP_SIZE.to_owned()),
            &GROUPS,
        )?
        .install_recorder()?;
    describe_counter!(
        REQUESTS,
        "Requests answered, by link, class, function and outcome"
    );
    describe_histogram!(
        REQUEST_SECONDS,
        "From a request's last byte read to its answer given to the socket"
    );
    describe_histogram!(STAGE_SECONDS, "Time of one group in a stage");
    describe_counter!(CODES, "Answers by response code");
    describe_gauge!(IN_FLIGHT, "Requests read and not answered");
    describe_gauge!(CONNECTIONS, "Connections by state");
    describe_counter!(
        FRAMES_REJECTED,
        "Frames and messages that were dropped, by cause"
    );
    describe_counter!(READS, "System calls that read from connections");
    describe_counter!(WRITES, "System calls that wrote to connections");
    describe_counter!(DUPLICATES, "Messages whose key was used before");
    describe_counter!(REVERSALS, "Reversals, by how they found their original");
    describe_counter!(LATE, "Answers not sent because their time was over");
    describe_histogram!(APPEND_SECONDS, "A group from hand-over to durable");
    describe_histogram!(FSYNC_SECONDS, "The sync of a group");
    describe_counter!(
        JOURNAL_BYTES,
        "Bytes written to the journal, with headers and padding"
    );
    describe_gauge!(JOURNAL_SEQUENCE, "The last durable entry");
    describe_histogram!(GROUP_SIZE, "Entries of a group");
    describe_gauge!(
        "clubswitch_queue_requests",
        "Requests that wait to be decided"
    );
    describe_gauge!("clubswitch_ledger_accounts", "Accounts in the book");
    describe_gauge!(
        "clubswitch_ledger_imbalance",
        "By how much the book does not add up; anything but 0 is an alarm"
    );
    describe_gauge!(
        POSITION,
        "What a club owes the clearing house less what it is owed"
    );
    describe_gauge!(POSITION_MOST, "The most that may be");
    describe_gauge!("clubswitch_ledger_members", "Members of all clubs");
    describe_gauge!(
        "clubswitch_store_lag_entries",
        "Durable entries that the ledger database does not have yet"
    );
    describe_gauge!(
        "clubswitch_snapshot_sequence",
        "The last entry of the newest snapshot"
    );
    describe_counter!(
        "clubswitch_archived_segments_total",
        "Segments that left the journal for the archive"
    );
    describe_counter!(
        "clubswitch_archived_bytes_total",
        "What they take in the archive"
    );
    describe_gauge!(
        "clubswitch_journal_first_sequence",
        "The first entry that is still in the journal"
    );
    describe_gauge!("clubswitch_business_day_info", "The open business day");
    describe_gauge!(
        "clubswitch_clock_offset_seconds",
        "A jump of the machine's clock that nobody has confirmed"
    );
    describe_gauge!("clubswitch_build_info", "Version of the program");
    describe_gauge!(
        "clubswitch_rule_set_number",
        "The number of the rule set in force"
    );
    describe_gauge!(
        "clubswitch_config_last_reload_successful",
        "1: the last load of rules, or the start, went well; 0: it had faults and the set before it runs on"
    );
    describe_gauge!(
        "clubswitch_config_last_reload_timestamp_seconds",
        "When rules were last loaded without a fault"
    );
    gauge!("clubswitch_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// What one link counts on one thread.
pub(super) struct LinkMetrics {
    link: Arc<str>,
    dialect: Arc<Spec>,
    answers: Map<(u8, Function, Verdict, bool), (Counter, Counter)>,
    durations: Map<Function, Histogram>,
    pub(super) in_flight: Gauge,
    pub(super) connections: Gauge,
    pub(super) reads: Counter,
    pub(super) writes: Counter,
    replays: Counter,
    conflicts: Counter,
    matched: Counter,
    orphans: Counter,
    ambiguous: Counter,
    network: Counter,
}

impl LinkMetrics {
    pub(super) fn new(link: &str, dialect: Arc<Spec>) -> LinkMetrics {
        let link: Arc<str> = Arc::from(link);
        let name = || Arc::clone(&link);
        LinkMetrics {
            in_flight: gauge!(IN_FLIGHT, "link" => name()),
            connections: gauge!(CONNECTIONS, "link" => name(), "state" => "open"),
            reads: counter!(READS, "link" => name()),
            writes: counter!(WRITES, "link" => name()),
            replays: counter!(DUPLICATES, "link" => name(), "kind" => "replay"),
            conflicts: counter!(DUPLICATES, "link" => name(), "kind" => "conflict"),
            matched: counter!(REVERSALS, "link" => name(), "match" => "exact"),
            orphans: counter!(REVERSALS, "link" => name(), "match" => "orphan"),
            ambiguous: counter!(REVERSALS, "link" => name(), "match" => "ambiguous"),
            network: counter!(REQUESTS, "link" => name(), "mti_class" => class_name(8),
                "function" => "network", "outcome" => Verdict::Approved.name()),
            answers: Map::default(),
            durations: Map::default(),
            dialect,
            link,
        }
    }

    /// A request was answered, at `now`.
    pub(super) fn answered(&mut self, outcome: &Outcome, now: Instant) {
        let (link, dialect) = (&self.link, &self.dialect);
        let slip = &outcome.slip;
        let verdict = outcome.told.verdict;
        let silent = verdict == Verdict::CannotServe && !slip.may_be_refused();
        let (requests, codes) = self
            .answers
            .entry((slip.class, slip.function, verdict, silent))
            .or_insert_with(|| {
                let outcome = if silent { "silence" } else { verdict.name() };
                let requests = counter!(REQUESTS, "link" => Arc::clone(link),
                    "mti_class" => class_name(slip.class), "function" => slip.function.name(),
                    "outcome" => outcome);
                let code = dialect
                    .outcome_code(verdict.name())
                    .unwrap_or_default()
                    .to_owned();
                let codes = counter!(CODES, "link" => Arc::clone(link), "code" => code);
                (requests, codes)
            });
        requests.increment(1);
        if !silent {
            codes.increment(1);
        }
        self.durations
            .entry(slip.function)
            .or_insert_with(|| histogram!(REQUEST_SECONDS, "link" => Arc::clone(link), "function" => slip.function.name()))
            .record(now.saturating_duration_since(slip.received).as_secs_f64());
        match outcome.how {
            None | Some(How::New) => {}
            Some(How::Repeat) => self.replays.increment(1),
            Some(How::Conflict) => self.conflicts.increment(1),
            Some(How::Matched) => self.matched.increment(1),
            Some(How::Orphan) => self.orphans.increment(1),
            Some(How::Ambiguous) => self.ambiguous.increment(1),
        }
    }

    /// What a session did without asking the book.
    pub(super) fn conversed(&self, counts: &Counts) {
        if counts.network > 0 {
            self.network.increment(counts.network);
        }
        if counts.late > 0 {
            counter!(LATE, "link" => Arc::clone(&self.link)).increment(counts.late);
        }
        for _ in 0..counts.unframed {
            self.rejected("unframed");
        }
        for ((verdict, name), count) in Verdict::ALL.iter().zip(counts.refused) {
            if count > 0 {
                let code = self
                    .dialect
                    .outcome_code(verdict.name())
                    .unwrap_or_default()
                    .to_owned();
                counter!(REQUESTS, "link" => Arc::clone(&self.link), "mti_class" => "other",
                    "function" => "none", "outcome" => *name)
                .increment(count);
                counter!(CODES, "link" => Arc::clone(&self.link), "code" => code).increment(count);
            }
        }
        for ((_, name), count) in Dropped::ALL.iter().zip(counts.dropped) {
            if count > 0 {
                counter!(FRAMES_REJECTED, "link" => Arc::clone(&self.link), "reason" => *name)
                    .increment(count);
            }
        }
    }

    /// A frame or message was dropped.
    pub(super) fn rejected(&self, reason: &'static str) {
        counter!(FRAMES_REJECTED, "link" => Arc::clone(&self.link), "reason" => reason)
            .increment(1);
    }
}

fn class_name(class: u8) -> &'static str {
    match class {
        1 => "authorisation",
        2 => "financial",
        4 => "reversal",
        5 => "reconciliation",
        6 => "administrative",
        8 => "network",
        _ => "other",
    }
}

/// What the committer counts.
pub(super) struct CommitMetrics {
    append: Histogram,
    sync: Histogram,
    stage: Histogram,
    bytes: Counter,
    sequence: Gauge,
    group: Histogram,
}

impl CommitMetrics {
    pub(super) fn new() -> CommitMetrics {
        CommitMetrics {
            append: histogram!(APPEND_SECONDS),
            sync: histogram!(FSYNC_SECONDS),
            stage: histogram!(STAGE_SECONDS, "stage" => "commit"),
            bytes: counter!(JOURNAL_BYTES),
            sequence: gauge!(JOURNAL_SEQUENCE),
            group: histogram!(GROUP_SIZE),
        }
    }

    pub(super) fn appended(&self, appended: &Appended, count: u32, last: u64, took: Duration) {
        self.append.record(took.as_secs_f64());
        self.stage.record(took.as_secs_f64());
        self.sync.record(appended.sync.as_secs_f64());
        self.bytes.increment(appended.bytes);
        self.sequence.set(last as f64);
        self.group.record(f64::from(count));
    }
}

/// What the decider counts.
pub(super) fn decide_seconds() -> Histogram {
    histogram!(STAGE_SECONDS, "stage" => "decide")
}

/// The days that are shown as open: one that has closed is set to 0, else it would stay.
static DAYS_SHOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The clubs that were warned that they come near to what they may owe.
static CLUBS_WARNED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What of a book is shown.
pub(super) struct BookFigures {
    pub(super) imbalance: i64,
    accounts: usize,
    members: usize,
    pub(super) rule_set: Option<u32>,
    days: Vec<String>,
    clubs: Vec<Stands>,
}

impl BookFigures {
    pub(super) fn of(engine: &Engine) -> BookFigures {
        let book = engine.book();
        let open = book.names().acquirers().filter_map(|id| book.open_day(id));
        let mut days: Vec<String> = open.map(|day| day.to_string()).collect();
        days.sort();
        days.dedup();
        BookFigures {
            imbalance: book.imbalance(),
            accounts: book.account_count(),
            members: book.member_count(),
            rule_set: book.rule_set().map(|set| set.number.0),
            days,
            clubs: standing(engine),
        }
    }

    /// Shows them.
    pub(super) fn tell(&self) {
        gauge!("clubswitch_ledger_imbalance").set(self.imbalance as f64);
        gauge!("clubswitch_ledger_accounts").set(self.accounts as f64);
        gauge!("clubswitch_ledger_members").set(self.members as f64);
        gauge!("clubswitch_rule_set_number").set(f64::from(self.rule_set.unwrap_or(0)));
        let mut shown = DAYS_SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
        for day in shown.iter().filter(|day| !self.days.contains(day)) {
            gauge!("clubswitch_business_day_info", "date" => day.clone()).set(0.0);
        }
        for day in &self.days {
            gauge!("clubswitch_business_day_info", "date" => day.clone()).set(1.0);
        }
        shown.clone_from(&self.days);
        self.tell_clubs();
    }

    /// How clubs stand with the clearing house; a line for each that comes to where it is to be warned, and back.
    fn tell_clubs(&self) {
        let mut warned = CLUBS_WARNED.lock().unwrap_or_else(PoisonError::into_inner);
        for Stands {
            club,
            owes,
            most,
            warned: is_warned,
        } in &self.clubs
        {
            gauge!(POSITION, "club" => club.clone()).set(*owes as f64);
            gauge!(POSITION_MOST, "club" => club.clone()).set(*most as f64);
            let was = warned.iter().position(|known| known == club);
            match (was, is_warned) {
                (None, true) => {
                    tracing::warn!(
                        "the club {club} owes the clearing house {owes} of at most {most} rial"
                    );
                    warned.push(club.clone());
                }
                (Some(at), false) => {
                    tracing::info!("the club {club} owes the clearing house {owes} rial again");
                    warned.swap_remove(at);
                }
                _ => {}
            }
        }
    }
}

/// Shows how the last load of rules went.
pub(super) fn reloaded(well: bool, at: Moment) {
    gauge!("clubswitch_config_last_reload_successful").set(f64::from(u8::from(well)));
    if well {
        gauge!("clubswitch_config_last_reload_timestamp_seconds").set(at.seconds() as f64);
    }
}

/// Shows what is behind the requests.
pub(super) fn tell(waiting: usize, store_lag: Option<u64>, snapshot: u64, jumped_s: i64) {
    gauge!("clubswitch_queue_requests").set(waiting as f64);
    if let Some(lag) = store_lag {
        gauge!("clubswitch_store_lag_entries").set(lag as f64);
    }
    gauge!("clubswitch_snapshot_sequence").set(snapshot as f64);
    gauge!("clubswitch_clock_offset_seconds").set(jumped_s as f64);
}
