//! The end of the program where something failed.
//!
//! When a process ends, the C library calls functions of other libraries: GDAL's closes what is still open, and on a disk that no longer takes
//! writes that may never end (libtiff 4.5 follows the directories of a file in a circle). What failed has been told by then, and nothing that is
//! left to write is of use. So the process becomes one that does nothing but end: safe Rust knows no other way past these functions that leaves
//! an exit code.

use std::io::Write;

use super::Exit;
use super::print::tell;
use crate::run::Hang;

/// Ends the process with this exit code, whatever other threads do.
pub(super) fn at_once(exit: Exit) -> ! {
    let _ = std::io::stdout().lock().flush();
    now(exit as u8)
}

/// What a process of which nothing is wanted but its exit code is called with.
pub(super) const END_WITH: &str = "end-with";

#[cfg(target_os = "linux")]
fn now(code: u8) -> ! {
    use std::os::unix::process::CommandExt;
    let mut end = std::process::Command::new("/proc/self/exe");
    let error = end.arg(END_WITH).arg(code.to_string()).exec();
    tracing::debug!("could not start again to end: {error}");
    std::process::exit(code.into())
}

/// Elsewhere these functions are called.
#[cfg(not(target_os = "linux"))]
fn now(code: u8) -> ! {
    std::process::exit(code.into())
}

/// Ends a run that would never end. The thread that hangs cannot be stopped; the folder it leaves is that of a run that was killed.
pub(super) fn hung(hang: &Hang) {
    tell(&format!("error: {hang}"));
    let frame = if hang.noted {
        ", withholding that frame"
    } else {
        ""
    };
    tell(&format!(
        "  hint: look whether the disk or share still answers; `heatveil run` goes on with --resume{frame}. Limits: run.frame-seconds, run.stall-seconds",
    ));
    // Not through `at_once`: the thread that hangs may hold stdout.
    now(Exit::Failed as u8)
}
