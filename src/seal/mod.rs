//! Inputs at rest: sealed to one key, so that destroying the key deletes them wherever copies lie.
//!
//! In: the bytes of an input and a key. Out: an age file (`age-encryption.org/v1`, X25519, no armour), or the bytes again, in memory alone.
//! Refuses: another key, a changed or cut file, more bytes than allowed. Any `age` program opens what is sealed here, and the other way round.

mod error;

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, EncryptError};

pub use error::{OpenError, SealError};

use crate::outside;
use crate::store::{self, Artifact, sealed};

/// First line of every age file.
pub(crate) const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// Bytes of an age file before its last line of recipients, at most: some 150 keys. The library reads them again from the start with every line.
const MAX_HEADER: usize = 1 << 14;
/// What the line behind the recipients begins with, and the end of the one before it.
const END_OF_HEADER: &[u8] = b"\n--- ";
/// What a secret key begins with, in a file of `age-keygen` too.
const SECRET: &str = "AGE-SECRET-KEY-1";

/// Bytes of a key's file, comments and all.
const LONGEST_FILE: u64 = 1 << 16;
/// What stands in a key's file once the key was destroyed, before its public half.
const DESTROYED: &str = "# destroyed by heatveil purge: ";

/// Whether bytes are those of a sealed file.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// An input as it may lie on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl sealed::Sealed for Sealed {}

impl Artifact for Sealed {
    fn bytes(&self) -> Cow<'_, [u8]> {
        self.0.as_slice().into()
    }
}

/// The public half of a key: it seals and opens nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(Recipient);

impl SealKey {
    /// Reads `age1…`.
    ///
    /// # Errors
    ///
    /// [`SealError::Public`] when the text is no X25519 recipient of age.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        match text.trim().parse() {
            Ok(recipient) => Ok(Self(recipient)),
            Err(problem) => Err(SealError::Public { problem }),
        }
    }

    /// Seals the bytes of an input.
    ///
    /// # Errors
    ///
    /// [`SealError::Seal`] when the library gives up.
    pub fn seal(&self, bytes: &[u8]) -> Result<Sealed, SealError> {
        let sealed = age::encrypt(&self.0, bytes);
        // Not in age's words: `i18n-embed-fl` puts their parts together in the order of a hash map, another one each time that age is compiled, and the program
        // would not be the same bytes in two builds.
        sealed.map(Sealed).map_err(|error| SealError::Seal {
            problem: match error {
                EncryptError::Io(error) => error.to_string(),
                other => format!("{other:?}"),
            },
        })
    }
}

impl std::fmt::Display for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealKey({self})")
    }
}

/// The key that opens the inputs of a survey.
#[derive(Clone)]
pub struct IntakeKey(Identity);

impl std::fmt::Debug for IntakeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IntakeKey of {}", self.public())
    }
}

impl IntakeKey {
    /// Makes a key in a new file that its owner alone may read, as `age-keygen` writes it.
    ///
    /// # Errors
    ///
    /// [`SealError::Store`] when the file is there or cannot be written.
    pub fn create(path: &Path) -> Result<Self, SealError> {
        let key = Self(Identity::generate());
        let secret = key.0.to_string();
        let text = format!(
            "# public key: {}\n{}\n",
            key.public(),
            secret.expose_secret()
        );
        store::write_secret(path, text.as_bytes())?;
        Ok(key)
    }

    /// Reads the key file that was given, if one was.
    ///
    /// # Errors
    ///
    /// As [`IntakeKey::load`].
    pub fn load_given(path: Option<&Path>) -> Result<Option<Self>, SealError> {
        path.map(Self::load).transpose()
    }

    /// Reads a key file of this program or of `age-keygen`: one secret key, lines with `#` left out.
    ///
    /// # Errors
    ///
    /// [`SealError::Io`] when it cannot be read, [`SealError::Key`] when it holds no key, more than one, or another kind.
    pub fn load(path: &Path) -> Result<Self, SealError> {
        match KeyFile::read(path)? {
            KeyFile::Key(key) => Ok(key),
            KeyFile::Destroyed(_) => Err(SealError::Destroyed {
                path: path.to_path_buf(),
            }),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut keys = text.lines().map(str::trim);
        let mut next = || keys.find(|line| line.starts_with(SECRET));
        match (next().map(str::parse), next()) {
            (Some(Ok(key)), None) => Some(Self(key)),
            _ => None,
        }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealKey {
        SealKey(self.0.to_public())
    }

    /// Opens a sealed file of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says why; no part of the file comes out then.
    pub fn open(&self, sealed: &[u8], max: u64) -> Result<Vec<u8>, OpenError> {
        let key: &dyn age::Identity = &self.0;
        let head = sealed.get(..MAX_HEADER).unwrap_or(sealed);
        let mut lines = head.windows(END_OF_HEADER.len());
        if head.len() == MAX_HEADER && !lines.any(|part| part == END_OF_HEADER) {
            return Err(OpenError::Recipients);
        }
        let opened = Decryptor::new_buffered(sealed)
            .and_then(|decryptor| decryptor.decrypt(std::iter::once(key)));
        let reader = opened.map_err(|error| match error {
            DecryptError::NoMatchingKeys => OpenError::OtherKey,
            _ => OpenError::Damaged,
        })?;
        let mut bytes = Vec::new();
        let read = reader.take(max.saturating_add(1)).read_to_end(&mut bytes);
        match read {
            Err(_) => Err(OpenError::Damaged),
            Ok(_) if bytes.len() as u64 > max => Err(OpenError::TooLarge),
            Ok(_) => Ok(bytes),
        }
    }
}

/// What a key's file holds.
#[derive(Debug)]
pub enum KeyFile {
    /// The key.
    Key(IntakeKey),
    /// What [`KeyFile::epitaph`] left of it.
    Destroyed(SealKey),
}

impl KeyFile {
    /// Reads a key file, or what was left of one that was destroyed.
    ///
    /// # Errors
    ///
    /// As [`IntakeKey::load`].
    pub fn read(path: &Path) -> Result<Self, SealError> {
        let text = outside::read_text(path, LONGEST_FILE).map_err(|source| SealError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        // Nothing but the words: a secret below them would still open everything.
        let destroyed = || {
            let (public, rest) = text.strip_prefix(DESTROYED)?.split_once('\n')?;
            let is_all = rest.trim_matches('\n').is_empty();
            SealKey::parse(public).ok().filter(|_| is_all)
        };
        let key = || IntakeKey::parse(&text).map(Self::Key);
        let found = destroyed().map(Self::Destroyed).or_else(key);
        found.ok_or_else(|| SealError::Key {
            path: path.to_path_buf(),
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealKey {
        match self {
            Self::Key(key) => key.public(),
            Self::Destroyed(public) => public.clone(),
        }
    }

    /// What takes the key's place in its file of this many bytes, and is no shorter: that it was destroyed, and which it was. Who is stopped
    /// before that is logged, or has another run over the same files, finds out by it.
    #[must_use]
    pub fn epitaph(&self, bytes: u64) -> Vec<u8> {
        let mut words = format!("{DESTROYED}{}\n", self.public()).into_bytes();
        let length = usize::try_from(bytes).unwrap_or_default();
        words.resize(words.len().max(length), b'\n');
        words
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    /// Made by `age` 1.1.1 (Debian): `printf 'a frame' | age -r "$(age-keygen -y key)"`.
    const OF_AGE: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBsTXY1UEhSVTI0Z0o1Ri9ieCtOTDM3eFptTGNqWkx1ZXpL\
        RUhqMU8yR2lRClBidGRYVHZsdFlUMGQ2MXVxUWpaYkh5anc0bTZGSFd3K2ttRkw2NVd4TXMKLS0tIHZEeEU5VE5t\
        NzEzbUs0NGo3S0VzbzMvRjRLSjVpWUd4TlFLY09ENVFJVWcKTL7cVv1zYqqcM0QwsFtb4E0erWmHqxUBCK7vVmhh\
        4V/LlNCVHh4n";
    const KEY_OF_AGE: &str = "# public key: age1whnf7dynzfhlc4ykc7ju2djenug5rtmu5sgy66uv0enju2cmag4sx82y3y\n\
        AGE-SECRET-KEY-1PEWD4NMRNTWSGAN07QPN92G8M2F89LXTPRA5PDYH8Z6W9GUC5J9Q5YFHQH\n";

    fn of_age(folder: &Path) -> (IntakeKey, Vec<u8>) {
        let path = folder.join("by_age.key");
        store::write_secret(&path, KEY_OF_AGE.as_bytes()).unwrap();
        let sealed = BASE64_STANDARD.decode(OF_AGE).unwrap();
        (IntakeKey::load(&path).unwrap(), sealed)
    }

    #[test]
    fn opens_what_another_program_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let (key, of_age) = of_age(folder.path());
        assert!(is_sealed(&of_age));
        assert_eq!(key.open(&of_age, 7).unwrap(), b"a frame");
        assert_eq!(key.open(&of_age, 6).unwrap_err(), OpenError::TooLarge);
        assert!(KEY_OF_AGE.contains(&format!("# public key: {}\n", key.public())));
    }

    #[test]
    fn nothing_of_a_changed_or_cut_file_comes_out() {
        let folder = tempfile::tempdir().unwrap();
        let (key, of_age) = of_age(folder.path());
        for len in 0..of_age.len() {
            assert!(key.open(&of_age[..len], 99).is_err(), "cut to {len}");
        }
        for at in 0..of_age.len() {
            let mut changed = of_age.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed, 99).is_err(), "changed at {at}");
        }
        // Three pieces of 64 KiB, without the last one and with the last two the wrong way round.
        let sealed = key.public().seal(&vec![7; 3 << 16]).unwrap().0;
        let piece = (1 << 16) + 16;
        assert!(key.open(&sealed[..sealed.len() - piece], 9 << 16).is_err());
        let mut swapped = sealed.clone();
        let first = sealed.len() - 3 * piece;
        swapped[first..first + 2 * piece].rotate_left(piece);
        assert!(key.open(&swapped, 9 << 16).is_err());
        assert_eq!(key.open(&sealed, 3 << 16).unwrap(), vec![7; 3 << 16]);
    }

    /// The library takes time with the square of the recipients: 256 MB of them would take days.
    #[test]
    fn a_file_that_is_all_recipients_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (key, of_age) = of_age(folder.path());
        let end = of_age.windows(5).position(|part| part == END_OF_HEADER);
        let (head, rest) = of_age.split_at(end.unwrap() + 1);
        let with = |recipients: usize| {
            let others = b"-> X25519 lMv5PHRU24gJ5F/bx+NL37qxZmLcjZLuezLEHj1O2Gg\nPRbtdXTvltYT0d61uuQjZbHyjw4m6FHWw+kmFL65Wxo\n".repeat(recipients);
            [head, &others, rest].concat()
        };
        // Their own sum is of other recipients, so that these are changed files.
        assert_eq!(key.open(&with(150), 99).unwrap_err(), OpenError::Damaged);
        assert_eq!(
            key.open(&with(1 << 21), 99).unwrap_err(),
            OpenError::Recipients
        );
    }

    #[test]
    fn another_key_opens_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let key = IntakeKey::create(&path).unwrap();
        assert!(IntakeKey::create(&path).is_err(), "a key is never replaced");
        assert_eq!(
            key.open(&of_age(folder.path()).1, 99).unwrap_err(),
            OpenError::OtherKey
        );
        let again = IntakeKey::load(&path).unwrap();
        let sealed = SealKey::parse(&key.public().to_string())
            .unwrap()
            .seal(b"x")
            .unwrap();
        assert_eq!(again.open(&sealed.bytes(), 9).unwrap(), b"x");
        assert!(!format!("{key:?}").contains(SECRET));
    }

    #[test]
    fn a_destroyed_key_is_known_by_what_it_left_and_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (key, _) = of_age(folder.path());
        let public = key.public();
        let key = KeyFile::Key(key);
        assert_eq!(key.epitaph(1000).len(), 1000);
        for bytes in [0, 1000] {
            let path = folder.path().join(format!("left-{bytes}"));
            let words = key.epitaph(bytes);
            assert!(!String::from_utf8_lossy(&words).contains(SECRET));
            store::write_secret(&path, &words).unwrap();
            let left = KeyFile::read(&path).unwrap();
            assert!(matches!(&left, KeyFile::Destroyed(of) if *of == public));
            assert!(left.public() == public);
            let refused = IntakeKey::load(&path).unwrap_err();
            assert!(matches!(refused, SealError::Destroyed { .. }), "{refused}");
            let path = folder.path().join(format!("secret-below-{bytes}"));
            store::write_secret(&path, &[&words, KEY_OF_AGE.as_bytes()].concat()).unwrap();
            assert!(matches!(KeyFile::read(&path), Ok(KeyFile::Key(_))));
        }
    }

    #[test]
    fn a_file_without_one_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("none", String::new()),
            ("two", KEY_OF_AGE.repeat(2)),
            ("short", "AGE-SECRET-KEY-1QQ\n".into()),
            ("public", "age1qqqq\n".into()),
        ] {
            let path = folder.path().join(name);
            store::write_secret(&path, text.as_bytes()).unwrap();
            let refused = IntakeKey::load(&path).unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
        }
        assert!(SealKey::parse("age1qqqq").is_err());
        assert!(IntakeKey::load(&folder.path().join("gone")).is_err());
    }
}
