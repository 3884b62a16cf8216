//! The command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// What a purchase allocates is freed on another thread than its own. The allocator of the system paid for that with four tenths of
/// the deciding thread's time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    clubswitch::cli::run()
}
