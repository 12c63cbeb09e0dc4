//! Unredacted frames are in this process's memory: it leaves no core dump, no other program of the same user may read it, and what it says
//! when it fails inside holds nothing of a file.
//!
//! Refuses: nothing; where the system does not let it, it says so.

use super::print::tell;

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
