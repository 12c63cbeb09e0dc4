//! Who may read what is written.
//!
//! In: the partial file of something that is to lie under `private/`. Out: the file, for its owner's eyes alone from its first byte on.

use std::path::Path;

use super::StoreError;
#[cfg(unix)]
use super::error::IoContext;

/// Makes the partial file of something private, empty and for its owner's eyes alone; writing into it keeps that.
#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that says who may read"
)]
pub(super) fn restrict(partial: &Path, path: &str) -> Result<(), StoreError> {
    if Path::new(path).starts_with(super::layout::PRIVATE) {
        super::create(partial)?;
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(partial, owner).at(partial)?;
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(super) fn restrict(_partial: &Path, _path: &str) -> Result<(), StoreError> {
    Ok(())
}
