//! Files for their owner's eyes alone, and files outside of any output folder that are too large to be held.
//!
//! In: an artifact. Out: a whole file or none; under `private/` readable by its owner alone from its first byte on. Refuses: as `store` does.

use std::path::Path;

use super::error::IoContext;
use super::{
    Artifact, Existing, FileArtifact, StoreError, check_free, create, layout, rename, sync,
};

/// Writes something private of an output folder that no run holds, whole or not at all, replacing what is there.
///
/// # Errors
///
/// [`StoreError::Io`], naming the file.
pub fn write_private(path: &Path, artifact: &impl Artifact) -> Result<(), StoreError> {
    let partial = beside(path);
    for_owner(&partial)?;
    let mut file = create(&partial)?;
    std::io::Write::write_all(&mut file, &artifact.bytes()).at(&partial)?;
    file.sync_all().at(&partial)?;
    rename(&partial, path)
}

/// Lets an artifact write one file outside any output folder itself, whole or not at all.
///
/// # Errors
///
/// As [`write_file`](super::write_file), and what the artifact's writer says.
pub fn write_large<A: FileArtifact>(
    path: &Path,
    artifact: &A,
    existing: Existing,
) -> Result<(), A::Error>
where
    A::Error: From<StoreError>,
{
    check_free(path, existing)?;
    let partial = beside(path);
    artifact.write(&partial)?;
    sync(&partial)?;
    Ok(rename(&partial, path)?)
}

fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// Makes the partial file of something private, empty and for its owner alone; writing into it keeps that.
pub(super) fn restrict(partial: &Path, path: &str) -> Result<(), StoreError> {
    if Path::new(path).starts_with(layout::PRIVATE) {
        for_owner(partial)?;
    }
    Ok(())
}

#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that says who may read"
)]
fn for_owner(partial: &Path) -> Result<(), StoreError> {
    create(partial)?;
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(partial, owner).at(partial)
}

#[cfg(not(unix))]
fn for_owner(partial: &Path) -> Result<(), StoreError> {
    create(partial).map(drop)
}
