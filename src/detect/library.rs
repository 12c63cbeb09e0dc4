//! ONNX Runtime's shared library: where it lies, and which one it is.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

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
        beside.exists().then_some(beside)
    };
    configured
        .map(Path::to_path_buf)
        .or_else(beside)
        .or_else(|| std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(name))
}

/// Version and SHA-256 of the library's file, such as `onnxruntime 1.32.0 sha256:6c15…`.
///
/// The version that the library would tell itself cannot be asked for without unsafe code; official builds
/// for Linux carry it as the version of their symbols. Where the file is known to the system's loader alone,
/// `build`, what the library says about its build, stands in for both.
pub(super) fn describe(library: &Path, build: &str) -> String {
    let Ok(bytes) = fs::read(library) else {
        return format!("onnxruntime {build}");
    };
    let version = symbol_version(&bytes).unwrap_or_else(|| "of unknown version".into());
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    format!("onnxruntime {version} sha256:{}", hex::encode(&sha256))
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

    #[test]
    fn a_library_is_known_by_its_hash_whatever_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        crate::store::write_secret(&path, b"abc").unwrap();
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        assert_eq!(
            describe(&path, "build"),
            "onnxruntime of unknown version \
             sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            describe(&folder.path().join("none"), "git 1"),
            "onnxruntime git 1"
        );
    }
}
