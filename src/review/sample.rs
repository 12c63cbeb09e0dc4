//! Which published frames a reviewer looks at: chosen by the log, so that the operator cannot.

use sha2::{Digest, Sha256};

use super::ReviewError;

/// The frames with the lowest hashes of `root`, `seed` and number: `share` of them, rounded up, in ascending order.
///
/// The hash is SHA-256 over `"heatveil sample\n"`, the root's hex digits, a newline, the seed, a newline and the number in decimal, so that
/// anyone can choose again with a shell. The root is that over the entries up to `run.closed`.
pub(super) fn choose(
    published: &[u32],
    root: &str,
    seed: &str,
    share: f64,
) -> Result<Vec<u32>, ReviewError> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(ReviewError::Share { share });
    }
    let rank = |frame: u32| -> [u8; 32] {
        Sha256::digest(format!("heatveil sample\n{root}\n{seed}\n{frame}")).into()
    };
    let mut ranked: Vec<([u8; 32], u32)> = published
        .iter()
        .map(|&frame| (rank(frame), frame))
        .collect();
    ranked.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of at most 2^32 frames"
    )]
    let count = (published.len() as f64 * share).ceil() as usize;
    let mut chosen: Vec<u32> = ranked
        .into_iter()
        .take(count)
        .map(|(_, frame)| frame)
        .collect();
    chosen.sort_unstable();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_follows_root_and_seed_and_grows_with_the_share() {
        let published: Vec<u32> = (0..100).collect();
        let choose = |root: &str, seed: &str, share| choose(&published, root, seed, share).unwrap();
        let few = choose("aa", "", 0.05);
        assert_eq!(few.len(), 5);
        assert_eq!(few, choose("aa", "", 0.05));
        assert_ne!(few, choose("ab", "", 0.05));
        assert_ne!(few, choose("aa", "x", 0.05));
        let more = choose("aa", "", 0.5);
        assert!(few.iter().all(|frame| more.contains(frame)));
        assert_eq!(choose("aa", "", 1.0), published);
        assert_eq!(choose("aa", "", 0.0001).len(), 1);
    }

    /// Digests by coreutils begin with 3164, 82ce, 65a3 and 974f.
    /// for i in 0 1 2 3; do printf 'heatveil sample\naa\nx\n%s' $i | sha256sum; done | sort
    #[test]
    fn anyone_can_choose_again_with_a_shell() {
        assert_eq!(choose(&[0, 1, 2, 3], "aa", "x", 0.5).unwrap(), [0, 2]);
    }

    #[test]
    fn a_share_that_is_none_is_refused() {
        for share in [0.0, -1.0, 1.1, f64::NAN] {
            assert!(choose(&[1], "", "", share).is_err(), "{share}");
        }
        assert!(choose(&[], "", "", 0.5).unwrap().is_empty());
    }
}
