//! The only clock of the house. It never goes back, and a jump of the machine's clock is held until somebody confirms it.
//!
//! Between two looks at the machine's clock, time is counted by the monotonic one; the looks, about one a second,
//! follow small corrections and report large ones.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::terms::Moment;

/// A difference between both clocks above this is a jump.
const JUMP: Duration = Duration::from_secs(5);

/// Tells the time to everybody else.
#[derive(Debug)]
pub struct Clock {
    /// What is shown less what the machine says, nanoseconds: nonzero where the configuration sets a start.
    set_ahead_ns: i64,
    anchor: Mutex<Anchor>,
    /// The last time that was told.
    told_ns: AtomicI64,
}

#[derive(Debug)]
struct Anchor {
    /// The machine's time, nanoseconds since 1970 …
    wall_ns: i64,
    /// … at this instant.
    at: Instant,
    /// How far the machine's clock has jumped and nobody has confirmed, nanoseconds.
    jumped_ns: Option<i64>,
}

/// How the clock stands, for readiness and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockState {
    /// What is told less what the machine says, whole seconds; not zero where the configuration sets a start.
    pub set_ahead_s: i64,
    /// A jump that waits to be confirmed, whole seconds.
    pub jumped_s: Option<i64>,
}

impl Clock {
    /// A clock that shows the machine's time, or `start` at this instant. It tells no time before `floor`, the time of
    /// the last entry; where the machine's clock stands more than seconds before that, it counts as having jumped back.
    pub fn new(start: Option<Moment>, floor: Moment) -> Clock {
        let wall_ns = machine_ns();
        let set_ahead_ns = match start {
            // A demo that is started again goes on where it stopped.
            Some(start) => start.max(floor).0.saturating_sub(wall_ns),
            None => 0,
        };
        let behind = wall_ns.saturating_add(set_ahead_ns).saturating_sub(floor.0);
        Clock {
            set_ahead_ns,
            anchor: Mutex::new(Anchor {
                wall_ns,
                at: Instant::now(),
                jumped_ns: Some(behind).filter(|ns| *ns < -nanos(JUMP)),
            }),
            told_ns: AtomicI64::new(floor.0),
        }
    }

    /// The time. Never before a time that was told already.
    pub fn now(&self) -> Moment {
        self.at(Instant::now())
    }

    /// The time at an instant that was just taken. Never before a time that was told already.
    pub fn at(&self, instant: Instant) -> Moment {
        let now = {
            let anchor = self.anchor();
            anchor.ns_at(instant).saturating_add(self.set_ahead_ns)
        };
        Moment(self.told_ns.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Looks at the machine's clock; to be called about once a second. A jump is told once, in seconds.
    pub fn look(&self) -> Option<i64> {
        self.look_at(machine_ns())
    }

    /// Follows the machine's clock to where it jumped. `false` where it has not.
    pub fn confirm(&self) -> bool {
        let wall_ns = machine_ns();
        let mut anchor = self.anchor();
        let had_jumped = anchor.jumped_ns.is_some();
        *anchor = Anchor {
            wall_ns,
            at: Instant::now(),
            jumped_ns: None,
        };
        had_jumped
    }

    /// How it stands.
    pub fn state(&self) -> ClockState {
        ClockState {
            set_ahead_s: self.set_ahead_ns / 1_000_000_000,
            jumped_s: self.anchor().jumped_ns.map(|ns| ns / 1_000_000_000),
        }
    }

    fn look_at(&self, wall_ns: i64) -> Option<i64> {
        let mut anchor = self.anchor();
        let off = wall_ns.saturating_sub(anchor.ns_at(Instant::now()));
        if off.abs() <= nanos(JUMP) {
            // A clock that jumped back before the start catches up by itself.
            let behind = wall_ns.saturating_add(self.set_ahead_ns);
            let caught_up = behind >= self.told_ns.load(Ordering::Relaxed) - nanos(JUMP);
            let jumped_ns = anchor.jumped_ns.filter(|_| !caught_up);
            *anchor = Anchor {
                wall_ns,
                at: Instant::now(),
                jumped_ns,
            };
            return None;
        }
        let is_news = anchor.jumped_ns.is_none();
        anchor.jumped_ns = Some(off);
        is_news.then_some(off / 1_000_000_000)
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Anchor {
    fn ns_at(&self, instant: Instant) -> i64 {
        let since = instant.saturating_duration_since(self.at);
        self.wall_ns.saturating_add(nanos(since))
    }
}

fn machine_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => -nanos(before.duration()),
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn time_never_goes_back_behind_the_last_entry() {
        let ahead = Moment(machine_ns() + HOUR);
        let clock = Clock::new(None, ahead);
        assert_eq!(clock.now(), ahead);
        assert!(clock.state().jumped_s.is_some_and(|s| s < -3_500));
        assert!(clock.confirm());
        assert_eq!(clock.now(), ahead);
        assert_eq!(clock.state().jumped_s, None);
    }

    #[test]
    fn a_set_clock_starts_there_and_goes_on_after_a_restart() {
        let start = Moment::from_seconds(1_795_600_000);
        let clock = Clock::new(Some(start), Moment(0));
        let first = clock.now();
        assert!(first >= start && first < start.plus_seconds(60));
        let again = Clock::new(Some(start), start.plus_seconds(500));
        assert!(again.now() >= start.plus_seconds(500));
        assert_eq!(again.state().jumped_s, None);
    }

    #[test]
    fn a_jump_is_held_until_it_is_confirmed() {
        let clock = Clock::new(None, Moment(0));
        assert_eq!(clock.look_at(machine_ns() + 1_000_000_000), None);
        let jumped = clock.look_at(machine_ns() + HOUR);
        assert!(jumped.is_some_and(|s| (3_590..=3_600).contains(&s)));
        assert_eq!(clock.look_at(machine_ns() + HOUR), None, "told once");
        assert!(clock.now().0 < machine_ns() + HOUR / 2, "held back");
        assert!(clock.confirm());
        assert!(!clock.confirm());
    }
}
