//! A watch over the commits: one that hangs ends the process. A disk that neither does nor fails what was asked of it
//! leaves terminals without answers and without a fallback; the next start, or another machine, is better off.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::guard::{self, EXIT_IO};

/// How often it is looked within the time that a commit may take.
const LOOKS: u32 = 8;
const LOOK_LEAST: Duration = Duration::from_millis(20);
const LOOK_MOST: Duration = Duration::from_secs(1);
/// How long the last line is waited for: a log that nobody reads must not keep the process alive.
const LINE_MOST: Duration = Duration::from_secs(1);

/// How many commits were begun and ended, together: odd while one is under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits(Arc<AtomicU64>);

impl Commits {
    /// One goes to the disk.
    pub(super) fn begins(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// It is durable, or it is known that nothing was done.
    pub(super) fn ends(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts the thread that ends the process after a commit has hung for `most`.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(commits: Commits, most: Duration) -> io::Result<()> {
    guard::spawn("watchdog", move || {
        watch(&commits, most);
        end(most);
    })
    .map(drop)
}

/// Returns when a commit has hung for `most`. What the whole process stood still, stopped or starved, counts little: the
/// committer could not go on then either.
pub(super) fn watch(commits: &Commits, most: Duration) {
    let look = (most / LOOKS).clamp(LOOK_LEAST, LOOK_MOST);
    let (mut seen, mut hung, mut looked) = (0, Duration::ZERO, Instant::now());
    while hung < most {
        thread::sleep(look);
        let slept = std::mem::replace(&mut looked, Instant::now()).elapsed();
        let now = commits.0.load(Ordering::Relaxed);
        if now % 2 == 1 && now == seen {
            hung += slept.min(look * 2);
        } else {
            hung = Duration::ZERO;
        }
        seen = now;
    }
}

#[allow(clippy::exit)]
fn end(most: Duration) {
    let (told, line) = mpsc::channel();
    let telling = thread::Builder::new().spawn(move || {
        tracing::error!(
            "a commit has hung for {most:?} (limits.commit_timeout), ending with {EXIT_IO}: nothing of it was answered; look \
             after the disk of the data folder, then start again"
        );
        let _ = told.send(());
    });
    if telling.is_ok() {
        let _ = line.recv_timeout(LINE_MOST);
    }
    std::process::exit(EXIT_IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(200);

    /// How the watch ends within a second, beside `commit` on its own thread.
    fn check(commit: impl FnOnce(&Commits) + Send + 'static) -> bool {
        let (commits, (ended, end)) = (Commits::default(), mpsc::channel());
        let watched = commits.clone();
        thread::spawn(move || {
            watch(&watched, MOST);
            let _ = ended.send(());
        });
        thread::spawn(move || commit(&commits));
        end.recv_timeout(Duration::from_secs(1)).is_ok()
    }

    #[test]
    fn a_commit_that_never_ends_is_noticed() {
        assert!(check(Commits::begins));
    }

    #[test]
    fn many_commits_one_after_another_are_none_that_hangs() {
        assert!(!check(|commits| loop {
            commits.begins();
            thread::sleep(Duration::from_millis(10));
            commits.ends();
        }));
    }

    #[test]
    fn nothing_to_do_is_nothing_that_hangs() {
        assert!(!check(|commits| {
            commits.begins();
            commits.ends();
        }));
    }
}
