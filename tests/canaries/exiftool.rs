//! `exiftool` as a reader of files that knows more places for texts than this project.

use std::path::Path;
use std::process::Command;

/// What it reads of files and folders (shell patterns): every tag, known or not, twice, embedded documents, and binary values as they are.
pub(crate) fn all_of(folder: &Path, what: &[&str]) -> Vec<u8> {
    let mut said = Vec::new();
    for form in ["-g1", "-b"] {
        let call = format!(
            "exiftool -a -u -U -ee3 -charset filename=utf8 {form} -r {}",
            what.join(" ")
        );
        let output = Command::new("sh")
            .args(["-c", &call])
            .current_dir(folder)
            .output()
            .unwrap();
        // 1: a file that it cannot read.
        assert!(
            matches!(output.status.code(), Some(0 | 1)) && !output.stdout.is_empty(),
            "exiftool is needed (apt-get install libimage-exiftool-perl): {}",
            String::from_utf8_lossy(&output.stderr)
        );
        said.extend(output.stdout);
    }
    said
}
