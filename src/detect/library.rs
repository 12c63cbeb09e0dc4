//! ONNX Runtime's shared library: where it lies, and which one it is.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{DetectError, Provider};
use crate::hex;

/// Where the runtime's library is expected: beside the executable, else where `ORT_DYLIB_PATH` points.
///
/// `configured` wins over both.
#[must_use]
pub fn runtime_library(configured: Option<&Path>) -> PathBuf {
    let name = if cfg!(target_os = "windows") {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.dylib"
    } else {
        "libonnxruntime.so"
    };
    let beside = || {
        let beside = std::env::current_exe().ok()?.with_file_name(name);
        beside.is_file().then_some(beside)
    };
    configured
        .map(Path::to_path_buf)
        .or_else(beside)
        .or_else(|| std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(name))
}

/// SHA-256 of the libraries that this version was tested with: ONNX Runtime 1.32.0 for Linux on x86-64 and on aarch64, from the wheels that
/// `.ci/setup` pins.
const KNOWN: [&str; 2] = [
    "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
    "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
];

/// Version and SHA-256 of the library's file, such as `onnxruntime 1.32.0 sha256:6c15…`, where it is one of those known here or the one that the
/// user `trusts` (64 hex digits). The words say what is wrong otherwise: a library that nobody knows is not loaded, since it sees every picture.
///
/// The version that the library would tell itself cannot be asked for without unsafe code; official builds for Linux carry it as the version of
/// their symbols.
pub(super) fn identify(library: &Path, trusts: Option<&str>) -> Result<String, String> {
    let bytes =
        fs::read(library).map_err(|error| format!("its hash cannot be checked ({error})"))?;
    let sha256 = sha256(&bytes);
    let is_expected = match trusts {
        Some(trusted) => trusted == sha256,
        None => KNOWN.contains(&sha256.as_str()),
    };
    if !is_expected {
        let other = match trusts {
            Some(trusted) => format!("detect.onnx-runtime-sha256 is {trusted}"),
            None => "no library known to this version; if you trust it, set detect.onnx-runtime-sha256 to that".into(),
        };
        return Err(format!("its SHA-256 is {sha256}: {other}"));
    }
    let version = symbol_version(&bytes).unwrap_or_else(|| "of unknown version".into());
    Ok(format!("onnxruntime {version} sha256:{sha256}"))
}

/// Name of `provider` for the log, with the hash of its library beside `library`, which must be the one that the user `trusts`.
///
/// # Errors
///
/// [`DetectError::Provider`] saying the hash that was found.
pub(super) fn identify_provider(
    provider: Provider,
    library: &Path,
    trusts: Option<&str>,
) -> Result<String, DetectError> {
    let Some(stem) = provider.library() else {
        return Ok(provider.name().to_owned());
    };
    let library = library.canonicalize().unwrap_or_else(|_| library.into());
    let (start, end) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let beside = library.with_file_name(format!("{start}{stem}{end}"));
    let sha256 = trusted(&beside, trusts).map_err(|problem| DetectError::Provider {
        provider: provider.name(),
        problem,
    })?;
    Ok(format!("{} sha256:{sha256}", provider.name()))
}

/// SHA-256 of the library of an execution provider, which must be the one that the user `trusts`: none is known here. The words say what is wrong.
fn trusted(library: &Path, trusts: Option<&str>) -> Result<String, String> {
    let bytes = fs::read(library)
        .map_err(|error| format!("{} could not be read ({error})", library.display()))?;
    let sha256 = sha256(&bytes);
    match trusts {
        Some(trusted) if trusted == sha256 => Ok(sha256),
        Some(other) => Err(format!(
            "{} has SHA-256 {sha256}, detect.provider-sha256 is {other}",
            library.display()
        )),
        None => Err(format!(
            "{} has SHA-256 {sha256}; if you trust it, set detect.provider-sha256 to that",
            library.display()
        )),
    }
}

fn sha256(bytes: &[u8]) -> String {
    let sha256: [u8; 32] = Sha256::digest(bytes).into();
    hex::encode(&sha256)
}

/// The `1.2.3` of the first `VERS_1.2.3` that stands alone.
fn symbol_version(bytes: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"VERS_";
    let mut windows = bytes.windows(MARK.len()).enumerate();
    windows.find_map(|(at, window)| {
        let rest = (window == MARK).then(|| bytes.get(at + MARK.len()..))??;
        let end = rest.iter().take(32).position(|byte| *byte == 0)?;
        let version = std::str::from_utf8(rest.get(..end)?).ok()?;
        let parts: Vec<&str> = version.split('.').collect();
        let number = |part: &&str| part.parse::<u32>().is_ok();
        (parts.len() == 3 && parts.iter().all(number)).then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_symbols() {
        let file = b"\x7fELF VERS_ \0VERS_x.1.0\0VERS_1.32.0\0VERS_9.9.9\0";
        assert_eq!(symbol_version(file).as_deref(), Some("1.32.0"));
        assert_eq!(symbol_version(b"VERS_1.32"), None);
        assert_eq!(symbol_version(b""), None);
    }

    /// SHA-256 of "abc", FIPS 180-2 appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_library_that_nobody_knows_is_refused_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        crate::store::write_secret(&path, b"abc").unwrap();
        let refused = identify(&path, None).unwrap_err();
        assert!(
            refused.contains(ABC) && refused.contains("onnx-runtime-sha256"),
            "{refused}"
        );
        let refused = identify(&path, Some(KNOWN[0])).unwrap_err();
        assert!(
            refused.contains(ABC) && refused.contains(KNOWN[0]),
            "{refused}"
        );
        let known = format!("onnxruntime of unknown version sha256:{ABC}");
        assert_eq!(identify(&path, Some(ABC)), Ok(known));
        let gone = identify(&folder.path().join("none"), Some(ABC)).unwrap_err();
        assert!(gone.contains("cannot be checked"), "{gone}");
    }

    #[test]
    fn a_provider_is_trusted_by_its_hash_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("provider.so");
        let missing = trusted(&path, Some(ABC)).unwrap_err();
        assert!(
            missing.contains("provider.so could not be read"),
            "{missing}"
        );
        crate::store::write_secret(&path, b"abc").unwrap();
        assert_eq!(trusted(&path, Some(ABC)).as_deref(), Ok(ABC));
        let other = trusted(&path, Some(KNOWN[0])).unwrap_err();
        assert!(other.contains(ABC) && other.contains(KNOWN[0]), "{other}");
        let unnamed = trusted(&path, None).unwrap_err();
        assert!(
            unnamed.contains(ABC) && unnamed.contains("detect.provider-sha256"),
            "{unnamed}"
        );
    }

    #[test]
    fn the_known_libraries_are_those_that_are_fetched() {
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/setup");
        let setup = fs::read_to_string(setup).unwrap();
        for sha256 in KNOWN {
            assert!(
                setup.contains(&format!("library_hash={sha256}")),
                "{sha256}"
            );
        }
        assert_eq!(setup.matches("library_hash=").count(), KNOWN.len());
    }
}
