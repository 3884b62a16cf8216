//! Where files go: appended to a sink, measured and hashed on the way.

use std::collections::BTreeMap;
use std::io;

use sha2::{Digest, Sha256};

use crate::settle::SettleError;
use crate::settle::manifest::FileLine;

/// Takes files piece by piece. Names are relative, with `/` between folder and file.
pub trait Sink {
    /// Appends to a file; the first time makes it.
    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()>;
}

/// Files in memory.
pub type Memory = BTreeMap<String, Vec<u8>>;

impl Sink for Memory {
    fn append(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        match self.get_mut(file) {
            Some(held) => held.extend_from_slice(bytes),
            None => {
                self.insert(file.to_owned(), bytes.to_vec());
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Measure {
    size: u64,
    hash: Sha256,
    records: u64,
    amount: i64,
}

/// A sink and what went into it.
pub(crate) struct Output<S> {
    sink: S,
    files: BTreeMap<String, Measure>,
}

impl<S: Sink> Output<S> {
    pub(crate) fn to(sink: S) -> Output<S> {
        Output {
            sink,
            files: BTreeMap::new(),
        }
    }

    pub(crate) fn append(&mut self, file: &str, bytes: &[u8]) -> Result<(), SettleError> {
        if !self.files.contains_key(file) {
            self.files.insert(file.to_owned(), Measure::default());
        }
        if let Some(measure) = self.files.get_mut(file) {
            measure.size += bytes.len() as u64;
            measure.hash.update(bytes);
        }
        self.sink
            .append(file, bytes)
            .map_err(|source| SettleError::File {
                doing: "write",
                path: file.to_owned(),
                source,
            })
    }

    /// Says how many records a file has and what they come to.
    pub(crate) fn controls(&mut self, file: &str, records: u64, amount: i64) {
        if let Some(measure) = self.files.get_mut(file) {
            measure.records = records;
            measure.amount = amount;
        }
    }

    /// What was written, in the order of names.
    pub(crate) fn files(&self) -> Vec<FileLine> {
        self.files
            .iter()
            .map(|(name, measure)| FileLine {
                name: name.clone(),
                size: measure.size,
                sha256: hex(&measure.hash.clone().finalize()),
                records: measure.records,
                amount: measure.amount,
            })
            .collect()
    }

    pub(crate) fn into_sink(self) -> S {
        self.sink
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Collects one file's bytes and hands them on in pieces of some 64 KiB.
pub(crate) struct Piecewise<'a, S> {
    output: &'a mut Output<S>,
    file: &'a str,
    held: Vec<u8>,
}

impl<'a, S: Sink> Piecewise<'a, S> {
    pub(crate) fn new(output: &'a mut Output<S>, file: &'a str) -> Piecewise<'a, S> {
        Piecewise {
            output,
            file,
            held: Vec::new(),
        }
    }

    pub(crate) fn finish(mut self) -> Result<(), SettleError> {
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<(), SettleError> {
        let held = std::mem::take(&mut self.held);
        self.output.append(self.file, &held)
    }
}

impl<S: Sink> io::Write for Piecewise<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= 1 << 16 {
            self.hand_on().map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
