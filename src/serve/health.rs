//! Whether the switch lives and whether it is ready, with the reasons, as `/livez`, `/readyz` and `status` tell them.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::clock::Clock;
use super::door::Door;
use crate::journal::Room;
use crate::terms::Moment;

/// A round trip through decider and committer that takes longer counts as stuck.
const STUCK: Duration = Duration::from_secs(10);

/// What is known about how the switch is. Shared by all who tell.
#[derive(Default)]
pub struct Health {
    serving: OnceLock<Serving>,
    draining: AtomicBool,
    /// The last round trip that came back.
    beat: Mutex<Option<Instant>>,
    imbalance: AtomicI64,
    /// How the last load of rules went, and when; none since the start.
    reload: Mutex<Option<(Option<String>, Moment)>>,
}

/// What there is to look at once the switch has started.
pub(super) struct Serving {
    pub(super) clock: Arc<Clock>,
    pub(super) door: Door,
    pub(super) room: Room,
}

impl Health {
    /// The switch serves from here on.
    pub(super) fn serves(&self, serving: Serving) {
        let _ = self.serving.set(serving);
        self.beats();
    }

    /// A round trip came back.
    pub(super) fn beats(&self) {
        *self.beat() = Some(Instant::now());
    }

    /// By how much the book does not add up.
    pub(super) fn set_imbalance(&self, imbalance: i64) {
        self.imbalance.store(imbalance, Ordering::Relaxed);
    }

    /// Rules were loaded, or were not, with the reason.
    pub(super) fn set_reload(&self, failed: Option<&str>, at: Moment) {
        *self.last_reload() = Some((failed.map(str::to_owned), at));
    }

    /// How the last load of rules went; null where none was tried since the start.
    pub fn reload(&self) -> Value {
        self.last_reload().as_ref().map_or(Value::Null, |(failed, at)| {
            json!({ "successful": failed.is_none(), "why": failed, "at_unix_s": at.seconds() })
        })
    }

    /// The switch is about to end.
    pub(super) fn drains(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether decider and committer answer. A full disk is not death: service goes on when there is room.
    pub fn lives(&self) -> bool {
        let Some(serving) = self.serving.get() else {
            return true;
        };
        serving.door.is_full() || self.beat().is_some_and(|at| at.elapsed() < STUCK)
    }

    /// What stands against being ready; empty when nothing does.
    pub fn reasons(&self) -> Vec<String> {
        let Some(serving) = self.serving.get() else {
            return vec!["starting: the book is being read".to_owned()];
        };
        let mut reasons = Vec::new();
        if self.draining.load(Ordering::Relaxed) {
            reasons.push("stopping: what was accepted is being finished".to_owned());
        }
        if serving.door.is_full() || !serving.room.has_room() {
            reasons.push("the disk has no room for the journal".to_owned());
        } else if !self.lives() {
            reasons.push("the commit thread does not answer".to_owned());
        }
        if let Some(jumped) = serving.clock.state().jumped_s {
            reasons.push(format!(
                "the clock jumped by {jumped} s; look at the machine's time, then send {{\"command\": \"confirm-clock\"}} to the admin socket"
            ));
        }
        let imbalance = self.imbalance.load(Ordering::Relaxed);
        if imbalance != 0 {
            reasons.push(format!("the book does not add up: {imbalance}"));
        }
        reasons
    }

    /// The answer of `/readyz`.
    pub fn report(&self) -> Value {
        let reasons = self.reasons();
        let clock = self.serving.get().map(|serving| {
            let state = serving.clock.state();
            json!({
                "set_ahead_s": state.set_ahead_s,
                "jumped_s": state.jumped_s,
                "unix_s": serving.clock.now().seconds(),
            })
        });
        json!({ "ready": reasons.is_empty(), "reasons": reasons, "clock": clock, "last_reload": self.reload() })
    }

    fn last_reload(&self) -> std::sync::MutexGuard<'_, Option<(Option<String>, Moment)>> {
        self.reload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
