//! Short turns on the processor for the threads on the way of a message.
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

#[allow(
    unsafe_code,
    reason = "neither std nor a library we have wraps these two calls; both are given one struct, whose length is in it"
)]
fn ask() -> io::Result<()> {
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
    let this_thread = 0;
    let flags = 0u32;
    // SAFETY: the kernel writes at most the bytes it is told the struct has, all of which are plain numbers.
    let got = unsafe {
        libc::syscall(
            libc::SYS_sched_getattr,
            this_thread,
            &raw mut attr,
            attr.size,
            flags,
        )
    };
    if got != 0 {
        return Err(io::Error::last_os_error());
    }
    if attr.sched_policy != libc::SCHED_OTHER as u32 {
        return Ok(());
    }
    attr.sched_runtime = TURN_NS;
    // SAFETY: the kernel only reads the struct, which lives until the call returns.
    let set =
        unsafe { libc::syscall(libc::SYS_sched_setattr, this_thread, &raw const attr, flags) };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_is_given_them_or_told_why_not() {
        // A thread of its own: the test's neighbours keep their turns.
        let asked = std::thread::spawn(|| (ask(), ask()));
        let (first, again) = asked.join().unwrap();
        assert_eq!(first.is_ok(), again.is_ok());
    }
}
