//! A book as bytes, for a snapshot, and back. Format 5: sections of blocks, each block a length (four bytes, little-endian) and whole
//! records of at most about a mebibyte, so that neither side ever holds more than a block; a block of no bytes ends a section.
//! Equal books give equal bytes.

use std::io::{self, Read, Write};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::ledger::book::{Book, Pages};
use crate::ledger::caps::{CapKey, Tally};
use crate::ledger::member::Member;
use crate::ledger::memory::{Kept, Memory};
use crate::ledger::record::{BadRecord, Recorded};
use crate::ledger::{Named, Names, RuleSets};
use crate::terms::{Moment, Sequence};

/// The version of a book as bytes.
const FORMAT: u8 = 5;
/// A block is written when it has so many bytes.
const BLOCK_BYTES: usize = 1 << 20;
/// A block of more bytes than this is none of ours: one record is far smaller.
const BLOCK_BYTES_MOST: usize = 64 << 20;

/// Why a snapshot is of no use. The journal has all that was in it.
#[derive(Debug, thiserror::Error)]
pub enum BadImage {
    /// It could not be read.
    #[error("read a snapshot")]
    Io(#[from] io::Error),
    /// It is not what this version writes.
    #[error("a snapshot: {0}")]
    Record(#[from] BadRecord),
}

/// A book as it was at one entry, to be written while the book goes on.
#[derive(Clone, Debug)]
pub struct View {
    pages: Pages,
    kept: Kept,
}

impl std::ops::Deref for View {
    type Target = Pages;

    fn deref(&self) -> &Pages {
        &self.pages
    }
}

impl Book {
    /// The book as it is now. Takes microseconds; what changes afterwards is copied first.
    pub fn view(&self) -> View {
        View {
            pages: self.pages.clone(),
            kept: self.memory.kept(),
        }
    }

    /// The whole book as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Nothing can fail in writing to memory.
        let _ = self.view().write(&mut out);
        out
    }

    /// Reads a snapshot back. It remembers at most so many entries; those that the snapshot did not keep stay forgotten.
    ///
    /// # Errors
    /// Where the bytes cannot be read, or are no book.
    pub fn read(from: &mut dyn Read, remembered: usize) -> Result<Book, BadImage> {
        let mut sections = Sections {
            from,
            block: Vec::new(),
        };
        let (pages, first) = sections.pages()?;
        let memory = sections.memory(remembered, first, pages.at)?;
        Ok(Book { pages, memory })
    }
}

impl View {
    /// Writes it, block by block.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut blocks = Blocks {
            out,
            block: vec![FORMAT],
        };
        blocks.put(&self.kept.first())?;
        self.pages.write_pages(&mut blocks)?;
        self.write_memory(&mut blocks)
    }

    fn write_memory(&self, blocks: &mut Blocks<'_>) -> io::Result<()> {
        for (first, at, run) in self.kept.runs() {
            blocks.put(&((first, at), run.len() as u32))?;
            let bytes = run.iter().flatten().flat_map(|hash| hash.to_le_bytes());
            blocks.block.extend(bytes);
        }
        blocks.end()?;
        self.kept.undone().try_for_each(|pair| blocks.put(&pair))?;
        blocks.end()
    }
}

impl Pages {
    /// A hash of everybody's balances, lots, debts and purchases, of all names, accounts and days: equal books have equal ones,
    /// whatever they remember of messages.
    pub fn hash(&self) -> u64 {
        struct Hash(Xxh3);
        impl Write for Hash {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut hash = Hash(Xxh3::new());
        let mut blocks = Blocks {
            out: &mut hash,
            block: Vec::new(),
        };
        // A hash takes everything.
        let _ = self.write_pages(&mut blocks);
        hash.0.digest()
    }

    fn write_pages(&self, blocks: &mut Blocks<'_>) -> io::Result<()> {
        let Pages {
            sequence,
            at,
            names,
            members,
            purses,
            known,
            accounts,
            caps,
            in_lots,
            in_debts,
            in_accounts,
            days,
            sets,
            opened,
        } = self;
        blocks.put(&(*sequence, *at))?;
        blocks.put(&(*purses as u64, (members.len() as u64, known.len() as u64)))?;
        blocks.put(in_lots)?;
        blocks.put(in_debts)?;
        blocks.put(in_accounts)?;
        blocks.put(days)?;
        blocks.put(&sets.in_force)?;
        blocks.put(&sets.aside)?;
        let mut files: Vec<([u8; 32], (u32, u32))> = opened.iter().map(|(k, v)| (*k, *v)).collect();
        files.sort_unstable();
        blocks.put(&files)?;
        blocks.end()?;
        names.all().try_for_each(|named| blocks.put(named))?;
        blocks.end()?;
        members.iter().try_for_each(|member| blocks.put(member))?;
        blocks.end()?;
        known.sorted().try_for_each(|pair| blocks.put(&pair))?;
        blocks.end()?;
        accounts.sorted().try_for_each(|pair| blocks.put(&pair))?;
        blocks.end()?;
        // What is out of reach may be here still, or not.
        let today = self.today();
        let living = |(key, tally): (CapKey, Tally)| Some((key, tally.living(today)?));
        let mut living = caps.sorted().filter_map(living);
        living.try_for_each(|pair| blocks.put(&pair))?;
        blocks.end()?;
        Ok(())
    }
}

struct Blocks<'a> {
    out: &'a mut dyn Write,
    block: Vec<u8>,
}

impl Blocks<'_> {
    fn put(&mut self, record: &impl Recorded) -> io::Result<()> {
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        record.put(&mut self.block);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out
            .write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    /// Ends a section.
    fn end(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        self.flush()
    }
}

struct Sections<'a> {
    from: &'a mut dyn Read,
    block: Vec<u8>,
}

impl Sections<'_> {
    /// The pages, and the first entry that the memory has.
    fn pages(&mut self) -> Result<(Pages, Sequence), BadImage> {
        let mut pages = Pages::empty();
        let mut head = None;
        self.each(|from| {
            if head.is_some() {
                return Err(BadRecord::Long);
            }
            if u8::take(from)? != FORMAT {
                return Err(BadRecord::Unknown("a snapshot format"));
            }
            let first = Sequence::take(from)?;
            (pages.sequence, pages.at) = Recorded::take(from)?;
            let (purses, counts): (u64, (u64, u64)) = Recorded::take(from)?;
            pages.purses = purses as usize;
            pages.in_lots = Recorded::take(from)?;
            pages.in_debts = Recorded::take(from)?;
            pages.in_accounts = Recorded::take(from)?;
            pages.days = Recorded::take(from)?;
            pages.sets = Arc::new(RuleSets {
                in_force: Recorded::take(from)?,
                aside: Recorded::take(from)?,
            });
            let opened = Vec::<([u8; 32], (u32, u32))>::take(from)?;
            pages.opened = Arc::new(opened.into_iter().collect());
            head = Some((first, counts));
            Ok(())
        })?;
        let (first, (members, known)) = head.ok_or(BadRecord::Short)?;
        let mut names = Names::default();
        self.each(|from| {
            names.put(Named::take(from)?);
            Ok(())
        })?;
        pages.names = Arc::new(names);
        self.each(|from| {
            pages.members.push(Member::take(from)?);
            Ok(())
        })?;
        // What is told beforehand only saves growing; a lie must not cost memory.
        pages.known.reserve(known.min(4 * members) as usize);
        self.each(|from| {
            let (key, member) = Recorded::take(from)?;
            pages.known.insert(key, member);
            Ok(())
        })?;
        self.each(|from| {
            let (account, balance) = Recorded::take(from)?;
            *pages.accounts.entry(account) = balance;
            Ok(())
        })?;
        self.each(|from| {
            let (key, tally) = Recorded::take(from)?;
            pages.caps.insert(key, tally);
            Ok(())
        })?;
        Ok((pages, first))
    }

    fn memory(
        &mut self,
        remembered: usize,
        first: Sequence,
        last_at: Moment,
    ) -> Result<Memory, BadImage> {
        let mut runs = Vec::new();
        self.each(|from| {
            let ((first, at), count): ((Sequence, Moment), u32) = Recorded::take(from)?;
            let length = count as usize * 24;
            let (bytes, rest) = from.split_at_checked(length).ok_or(BadRecord::Short)?;
            *from = rest;
            let number = |at: usize| {
                bytes[at..]
                    .first_chunk::<8>()
                    .map_or(0, |n| u64::from_le_bytes(*n))
            };
            let run = (0..count as usize).map(|at| [0, 8, 16].map(|part| number(24 * at + part)));
            runs.push((first, at, run.collect()));
            Ok(())
        })?;
        let mut undone = Vec::new();
        self.each(|from| {
            undone.push(Recorded::take(from)?);
            Ok(())
        })?;
        Ok(Memory::restored(remembered, first, &runs, &undone, last_at))
    }

    /// Gives every record of a section to `take`.
    fn each(
        &mut self,
        mut take: impl FnMut(&mut &[u8]) -> Result<(), BadRecord>,
    ) -> Result<(), BadImage> {
        loop {
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            let length = u32::from_le_bytes(length) as usize;
            if length == 0 {
                return Ok(());
            }
            if length > BLOCK_BYTES_MOST {
                return Err(BadRecord::Unknown("a block of that length").into());
            }
            self.block.resize(length, 0);
            self.from.read_exact(&mut self.block)?;
            let mut left = &self.block[..];
            while !left.is_empty() {
                take(&mut left)?;
            }
        }
    }
}
