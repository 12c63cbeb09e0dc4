//! Signs of life: which file the disk was last asked about, and how often it was. Libraries may not come back from a disk that fails; this says
//! where they are.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of this process since it began.
static PULSE: Mutex<(u64, Option<PathBuf>)> = Mutex::new((0, None));

/// Something is done to a file.
pub(crate) fn beat(path: &Path) {
    let mut pulse = lock();
    pulse.0 += 1;
    if pulse.1.as_deref() != Some(path) {
        pulse.1 = Some(path.to_path_buf());
    }
}

/// How often something was done to a file, and to which one last.
pub(crate) fn pulse() -> (u64, Option<PathBuf>) {
    lock().clone()
}

fn lock() -> MutexGuard<'static, (u64, Option<PathBuf>)> {
    PULSE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_file_is_told_and_each_sign_of_life_counts() {
        // Other tests touch files too.
        let path = Path::new("the/last");
        let is_last = (0..1000).any(|_| {
            let (before, _) = pulse();
            beat(path);
            let (after, last) = pulse();
            assert!(after > before);
            last.as_deref() == Some(path)
        });
        assert!(is_last);
    }
}
