//! How the daemon ends when it cannot go on. Nobody can work on with what a dead thread left: the process ends, and the
//! next start finds out what is durable.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use super::turns;

/// Exit status after a write or sync that failed, or a thread that died (`EX_IOERR`).
pub const EXIT_IO: i32 = 74;

/// Starts a thread whose panic ends the process.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let named = name.to_owned();
    let guarded = move || {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            end(|| {
                tracing::error!(
                    "the thread {named} panicked, ending: the next start reads the journal"
                );
            })
        })
    };
    thread::Builder::new().name(name.to_owned()).spawn(guarded)
}

/// Starts such a thread for a part of the way of a message: it comes at once when it is waked.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn spawn_prompt<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    spawn(name, move || {
        turns::short();
        work()
    })
}

/// Ends the process where it stands, after a last line in the log: whatever was not told is found again by the next start.
#[allow(clippy::exit)]
pub(super) fn end(last_line: impl FnOnce()) -> ! {
    // A line that cannot be written must not keep the process from ending.
    let _ = catch_unwind(AssertUnwindSafe(last_line));
    std::process::exit(EXIT_IO)
}
