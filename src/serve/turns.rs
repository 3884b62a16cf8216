//! Short turns on the processor for the threads on the way of a message, and long work out of their way.
//!
//! On few cores they meet the threads that follow: what indexes, writes snapshots, hashes segments works for milliseconds on end, and
//! Linux lets it finish the turn it has begun (3 to 4 ms) before whoever was waked meanwhile. Since Linux 6.12 a thread may ask for
//! shorter turns: it has the same share of the processor, but comes at once when it is waked. Older ones take no notice.

use std::io;
use std::mem::size_of;

/// The shortest that Linux gives.
const TURN_NS: u64 = 100_000;

/// Asks for short turns for the calling thread. A thread whose scheduling the operator has chosen (real time, batch, idle) keeps it.
pub(super) fn short() {
    if let Err(error) = ask() {
        tracing::debug!("Linux gives no short turns on the processor: {error}");
    }
}

/// How much less than others a thread gets that gives way.
const GIVES_WAY: i32 = 10;

/// Does long work on a thread that gives way to those on the way of a message, and waits for it.
pub(super) fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            if let Err(error) = give_way() {
                tracing::debug!("Linux lets this thread not give way: {error}");
            }
            work()
        });
        let done = working.join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn give_way() -> io::Result<()> {
    let mut attr = current()?;
    if attr.sched_policy == libc::SCHED_OTHER as u32 {
        attr.sched_nice = attr.sched_nice.max(GIVES_WAY);
        // Whoever is waked would else wait for the end of a turn of milliseconds, at each step of a message's way.
        attr.sched_runtime = TURN_NS;
        set(&attr)?;
    }
    Ok(())
}

fn ask() -> io::Result<()> {
    let mut attr = current()?;
    if attr.sched_policy == libc::SCHED_OTHER as u32 {
        attr.sched_runtime = TURN_NS;
        set(&attr)?;
    }
    Ok(())
}

const THIS_THREAD: libc::pid_t = 0;
const NO_FLAGS: libc::c_uint = 0;

/// How the calling thread is scheduled.
#[allow(
    unsafe_code,
    reason = "no library we have wraps this call; the kernel is given one struct, and its length"
)]
fn current() -> io::Result<libc::sched_attr> {
    let mut attr = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    let (call, bytes) = (libc::SYS_sched_getattr, attr.size);
    // SAFETY: the kernel writes at most the bytes it is told the struct has, all of which are plain numbers.
    told(unsafe { libc::syscall(call, THIS_THREAD, &raw mut attr, bytes, NO_FLAGS) })?;
    Ok(attr)
}

/// Has the calling thread scheduled so.
#[allow(
    unsafe_code,
    reason = "no library we have wraps this call; the kernel is given one struct, whose length is in it"
)]
fn set(attr: &libc::sched_attr) -> io::Result<()> {
    let call = libc::SYS_sched_setattr;
    // SAFETY: the kernel only reads the struct, which lives until the call returns.
    told(unsafe { libc::syscall(call, THIS_THREAD, std::ptr::from_ref(attr), NO_FLAGS) })
}

fn told(returned: libc::c_long) -> io::Result<()> {
    if returned != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_aside_is_done_and_whoever_waits_for_it_is_as_he_was() {
        let nice = || current().map_or(0, |attr| attr.sched_nice);
        let before = nice();
        let within = aside(nice);
        assert!(within >= before, "{within}");
        assert_eq!(nice(), before);
    }

    #[test]
    fn a_thread_that_asks_has_short_turns_where_linux_gives_them_and_is_otherwise_as_it_was() {
        // A thread of its own: the test's neighbours keep their turns.
        let asked = std::thread::spawn(|| {
            let before = current()?;
            ask()?;
            Ok::<_, io::Error>((before, current()?))
        });
        let (before, after) = match asked.join().unwrap() {
            Ok(both) => both,
            Err(error) => return eprintln!("skipped: this system has no such calls: {error}"),
        };
        let is_usual = before.sched_policy == libc::SCHED_OTHER as u32;
        // A Linux that knows no such turns tells none of theirs.
        let knows = is_usual && before.sched_runtime > 0;
        let wanted = if knows { TURN_NS } else { before.sched_runtime };
        assert_eq!(after.sched_runtime, wanted);
        assert_eq!(
            (after.sched_policy, after.sched_nice, after.sched_priority),
            (
                before.sched_policy,
                before.sched_nice,
                before.sched_priority
            )
        );
    }
}
