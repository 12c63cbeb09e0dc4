//! The log read a part at a time: whole blocks of 256 lines, as the tiles hold them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use tlog_tiles::{Hash, record_hash};

use super::tree::{WIDTH, perfect, push_line};
use super::{Entry, line};

/// Consecutive lines, 256 but for the last ones.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Blocks before it.
    pub(super) number: u64,
    /// Lines with their newlines.
    text: Vec<u8>,
    lines: usize,
}

/// What a block holds.
#[derive(Debug)]
pub(super) struct Checked {
    /// Leaf hashes.
    pub(super) leaves: Vec<Hash>,
    /// Root over them, where the block is full.
    pub(super) root: Option<Hash>,
    /// Entries; `None` for lines that are none.
    pub(super) entries: Vec<Option<Entry>>,
    /// What is wrong with the files of the block.
    pub(super) problems: Vec<String>,
}

impl Block {
    /// Lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        split(&self.text)
    }

    /// Parses and hashes every line.
    pub(super) fn check(&self) -> Checked {
        let mut leaves = Vec::with_capacity(self.lines);
        let mut entries = Vec::with_capacity(self.lines);
        for line in self.lines() {
            leaves.push(record_hash(line));
            entries.push(Entry::from_line(line));
        }
        Checked {
            root: (leaves.len() == WIDTH).then(|| perfect(&leaves)),
            leaves,
            entries,
            problems: Vec::new(),
        }
    }

    /// The lines as an entry bundle.
    pub(super) fn bundle(&self) -> Vec<u8> {
        let mut bundle = Vec::with_capacity(self.text.len() + self.lines);
        for line in self.lines() {
            push_line(&mut bundle, line);
        }
        bundle
    }
}

/// Lines of a text, without their newlines.
pub(super) fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Reads blocks from a file that may hold anything.
#[derive(Debug)]
pub(super) struct Blocks {
    file: BufReader<File>,
    /// What ended the reading too early.
    problem: Option<String>,
    read: u64,
    taken: u64,
    done: bool,
}

impl Blocks {
    pub(super) fn new(file: File) -> Self {
        Self {
            file: BufReader::with_capacity(1 << 20, file),
            problem: None,
            read: 0,
            taken: 0,
            done: false,
        }
    }

    /// The next blocks, `most` of them at most; none at the end.
    pub(super) fn take(&mut self, most: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        while blocks.len() < most && !self.done {
            let mut block = Block {
                number: self.taken,
                ..Block::default()
            };
            while block.lines < WIDTH && self.line(&mut block.text) {
                block.lines += 1;
            }
            if block.lines > 0 {
                self.taken += 1;
                blocks.push(block);
            }
        }
        blocks
    }

    /// What was wrong with the file, once it was read to its end.
    pub(super) fn problem(self) -> Option<String> {
        self.problem
    }

    fn line(&mut self, text: &mut Vec<u8>) -> bool {
        let limit = line::LONGEST as u64 + 1;
        let before = text.len();
        let read = (&mut self.file).take(limit).read_until(b'\n', text);
        let whole = text.get(before..).is_some_and(|line| line.ends_with(b"\n"));
        match read {
            Ok(0) => {}
            Ok(_) if whole => self.read += 1,
            Ok(read) if read as u64 == limit => {
                let problem = format!("line {} is longer than {}", self.read + 1, line::LONGEST);
                self.problem = Some(problem);
                text.truncate(before);
            }
            Ok(_) => {
                self.problem = Some("the last line of the log is torn".into());
                self.done = true;
                return true;
            }
            Err(error) => {
                self.problem = Some(format!("the log cannot be read ({})", error.kind()));
                text.truncate(before);
            }
        }
        self.done = !whole;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::root;
    use super::*;
    use crate::store::write_secret;

    fn open(bytes: &[u8]) -> Blocks {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        write_secret(&path, bytes).unwrap();
        Blocks::new(File::open(path).unwrap())
    }

    fn blocks(bytes: &[u8]) -> (Vec<usize>, Option<String>) {
        let mut blocks = open(bytes);
        let mut lines = Vec::new();
        loop {
            let some = blocks.take(2);
            if some.is_empty() {
                return (lines, blocks.problem());
            }
            for block in some {
                assert_eq!(block.number, lines.len() as u64);
                lines.push(block.lines().count());
            }
        }
    }

    #[test]
    fn lines_come_in_blocks_and_what_is_wrong_ends_them() {
        assert_eq!(blocks(b""), (vec![], None));
        assert_eq!(blocks(&b"x\n".repeat(600)), (vec![256, 256, 88], None));
        assert_eq!(blocks(b"x\n\ny\n"), (vec![3], None));
        let (lines, problem) = blocks(b"x\ny");
        assert_eq!((lines, problem.unwrap().contains("torn")), (vec![2], true));
        let longest = [b"x\n", "y".repeat(65_535).as_bytes(), b"\n"].concat();
        assert_eq!(blocks(&longest), (vec![2], None));
        let longer = [b"x\n", "y".repeat(65_536).as_bytes(), b"\n"].concat();
        let (lines, problem) = blocks(&longer);
        assert_eq!(
            (lines, problem.unwrap().contains("line 2 is longer")),
            (vec![1], true)
        );
    }

    #[test]
    fn no_more_blocks_are_taken_than_asked_for() {
        let mut blocks = open(&b"x\n".repeat(3 * 256 + 1));
        let taken = [0, 2, 1, 5, 5].map(|most| blocks.take(most).len());
        assert_eq!(taken, [0, 2, 1, 1, 0]);
    }

    #[test]
    fn a_log_that_cannot_be_read_is_told_and_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut blocks = Blocks::new(File::open(folder.path()).unwrap());
        assert!(blocks.take(2).is_empty());
        let problem = blocks.problem().unwrap();
        assert!(problem.starts_with("the log cannot be read"), "{problem}");
    }

    /// What C2SP tlog-tiles says of bundles: each line behind its length in two bytes, big-endian.
    #[test]
    fn a_block_has_a_leaf_an_entry_and_a_place_in_the_bundle_for_each_line() {
        let entry = br#"{"at":1,"frames":2,"type":"run.resumed"}"#;
        let text = [b"x\n", entry.as_slice(), b"\n\n"].concat();
        let block = open(&text).take(1).pop().unwrap();
        let expected = [b"\x00\x01x\x00\x28", entry.as_slice(), b"\x00\x00"].concat();
        assert_eq!(block.bundle(), expected);
        let checked = block.check();
        let lines: [&[u8]; 3] = [b"x", entry, b""];
        assert_eq!(checked.leaves, lines.map(record_hash));
        let entries = checked.entries.iter().map(Option::is_some);
        assert_eq!(entries.collect::<Vec<_>>(), [false, true, false]);
        assert_eq!((checked.root, checked.problems.len()), (None, 0));
    }

    #[test]
    fn a_full_block_has_the_root_over_its_lines_and_no_other_has_one() {
        for (lines, is_full) in [(255, false), (256, true)] {
            let block = open(&b"x\n".repeat(lines)).take(1).pop().unwrap();
            let expected = Hash(root(vec![b"x".as_slice(); lines]));
            assert_eq!(block.check().root, is_full.then_some(expected));
        }
    }
}
