//! Unredacted frames are in this process's memory: it leaves no core dump, no other program of the same user may read it, what it says
//! when it fails inside holds nothing of a file, and no library reports on it.
//!
//! Refuses: nothing; where the system does not let it, it says so.

use super::print::tell;

/// Names for which libcurl would go past the proxy that `offline` gives it.
#[cfg(unix)]
const DETOURS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Starts the program once more, as the same process, where the environment would let a library go to the network. From 1.32 on ONNX Runtime keeps a
/// number for this machine and events about each process in the user's home to send them to its maker, from when it is loaded until it is told not
/// to: only the environment is early enough, and a process cannot change its own without unsafe code. Where this does not succeed the library is not
/// loaded. What the C library's allocator should know is said on the same occasion.
#[cfg(unix)]
pub(super) fn start_clean(loads_runtime: bool) {
    use std::os::unix::process::CommandExt;
    let set = |name: &str| std::env::var_os(name);
    let reports = loads_runtime && OFF.is_some_and(|off| set(off).is_none_or(|value| value != "1"));
    let is_untold = |(name, _)| set(name).is_none() && set(RESTARTED).is_none();
    let tells_allocator = loads_runtime && ALLOCATOR.is_some_and(is_untold);
    if !reports && !tells_allocator && DETOURS.iter().all(|name| set(name).is_none()) {
        return;
    }
    let mut arguments = std::env::args_os();
    let (name, program) = (arguments.next(), std::env::current_exe());
    if let (Some(name), Ok(program)) = (name, program) {
        let mut again = std::process::Command::new(program);
        again
            .arg0(name)
            .args(arguments)
            .envs(OFF.map(|off| (off, "1")));
        if tells_allocator {
            again.envs(ALLOCATOR).env(RESTARTED, "1");
        }
        for detour in DETOURS {
            again.env_remove(detour);
        }
        let error = again.exec();
        tracing::warn!("could not start again in an environment of its own: {error}");
    }
}

/// Says that the program was started again for its allocator. The C library hides its own variable from programs that have more rights than their user.
#[cfg(unix)]
const RESTARTED: &str = "HEATVEIL_RESTARTED";

/// What keeps the C library from giving a frame's memory back to the system after each frame and taking it, page by page, for the next: a hundredth of a
/// run's time. As far as it adjusts itself: 32 MiB, and twice that. See `mallopt(3)`.
#[cfg(all(unix, target_env = "gnu"))]
const ALLOCATOR: Option<(&str, &str)> = Some((
    "GLIBC_TUNABLES",
    "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864",
));
#[cfg(all(unix, not(target_env = "gnu")))]
const ALLOCATOR: Option<(&str, &str)> = None;

/// What keeps ONNX Runtime from reporting.
#[cfg(all(unix, feature = "onnx"))]
const OFF: Option<&str> = Some(crate::detect::TELEMETRY_OFF);
#[cfg(all(unix, not(feature = "onnx")))]
const OFF: Option<&str> = None;

/// Elsewhere the library's loader says what to set.
#[cfg(not(unix))]
pub(super) fn start_clean(_: bool) {}

/// A panic's text may quote the value at hand: only the place in the source is said.
pub(super) fn say_only_where() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let place = place.map_or_else(|| "an unknown place".into(), ToString::to_string);
        tell(&format!(
            "internal error at {place}; please report it with this line"
        ));
    }));
}

/// Forbids core dumps (`RLIMIT_CORE`, and `PR_SET_DUMPABLE` for systems that pipe them to a collector whatever the limit says: core(5)).
#[cfg(target_os = "linux")]
pub(super) fn keep_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = limited.and(set_dumpable_behavior(DumpableBehavior::NotDumpable)) {
        tracing::warn!("a crash may write frames into a core dump: {error}");
    }
}

/// Other systems are asked for nothing: see `SECURITY.md`.
#[cfg(not(target_os = "linux"))]
pub(super) fn keep_private() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn no_core_dump_is_left() {
        super::keep_private();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        let found = dumpable_behavior().unwrap();
        assert_eq!(found, DumpableBehavior::NotDumpable);
    }
}
