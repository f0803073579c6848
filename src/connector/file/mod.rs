//! Files of JSON lines or CSV. In: a path or a pattern; out: raw records. Bounded: what is appended later is not seen.
//! Never: decoding.
//!
//! Each file is one partition, in the order of their paths. A record's offset is its number in the file from 0: the line's number for
//! JSON lines, the record's for CSV (the header is number 0).

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::records::{Records, Shape};
use super::options::{Taking, invalid, parse_flag};
use super::{Connector, Options, Positions, RawBatch, RawRecord, Read, Reader, ReaderStatus, Source};
use crate::error::{Error, Result, code};

// From bytes to records.
mod records;

/// `connector = 'file'`.
pub const CONNECTOR: Connector = Connector {
    name: "file",
    source: |options, _| Ok(Arc::new(FileSource::new(options)?)),
    sink: None,
    columns: |_| Ok(None),
};

/// Records handed out at once, by number and by size.
const BATCH_RECORDS_MAX: usize = 4096;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Bytes read from a file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Files that match a path.
struct FileSource {
    path: String,
    shape: Shape,
    /// Records at a file's start that are no rows.
    skip: i64,
    /// The files, found once: a partition's number must not come to mean another file.
    files: OnceLock<Vec<PathBuf>>,
}

impl FileSource {
    fn new(options: &Options) -> Result<FileSource> {
        let mut taking = Taking::new("file", options);
        let path = taking.require(&["path"], "/data/rows.json")?.to_string();
        taking.finish(&[])?;
        let csv = options.get("format").is_some_and(|format| format.eq_ignore_ascii_case("csv"));
        let shape = if csv { Shape::Csv { delimiter: delimiter(options)? } } else { Shape::Lines };
        let header = csv && options.get("header").map_or(Ok(false), |value| parse_flag("header", value))?;
        Ok(FileSource { path, shape, skip: i64::from(header), files: OnceLock::new() })
    }

    fn files(&self) -> Result<&[PathBuf]> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let found = find(&self.path)?;
        Ok(self.files.get_or_init(|| found))
    }

    fn records(&self, path: &Path) -> Result<Records<BufReader<File>>> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        Ok(Records::new(BufReader::with_capacity(BUFFER_BYTES, file), self.shape))
    }
}

impl Source for FileSource {
    fn connector(&self) -> &'static str {
        "file"
    }

    fn start(&self) -> Result<Positions> {
        let files = self.files()?;
        for path in files {
            self.records(path)?;
        }
        Ok((0..).zip(files).map(|(partition, _)| (partition, self.skip)).collect())
    }

    /// Reads all files to count their records.
    fn end(&self) -> Result<Option<Positions>> {
        let mut ends = Positions::new();
        let mut record = Vec::new();
        for (partition, path) in (0..).zip(self.files()?) {
            let mut records = self.records(path)?;
            let mut count = 0;
            while records.next(&mut record).map_err(|error| unreadable(path, &error))? {
                count += 1;
                record.clear();
            }
            ends.insert(partition, count);
        }
        Ok(Some(ends))
    }

    fn open(&self, from: &Positions, until: Option<&Positions>, _headers: bool) -> Result<Box<dyn Reader>> {
        let mut parts = Vec::new();
        for (partition, path) in (0..).zip(self.files()?) {
            let next = from.get(&partition).copied().unwrap_or(0).max(self.skip);
            let until = until.map_or(i64::MAX, |until| until.get(&partition).copied().unwrap_or(0));
            if next < until {
                parts.push(Part { partition, path: path.clone(), next, until });
            }
        }
        // The last one is read first.
        parts.reverse();
        Ok(Box::new(FileReader { parts, shape: self.shape, current: None }))
    }
}

/// The part of a file that is to be read.
struct Part {
    partition: i32,
    path: PathBuf,
    next: i64,
    until: i64,
}

/// Reads one file after the other.
struct FileReader {
    /// Files to read, the next one last.
    parts: Vec<Part>,
    shape: Shape,
    /// The records of the next file, and the number of the record that comes next.
    current: Option<(Records<BufReader<File>>, i64)>,
}

impl Reader for FileReader {
    fn read(&mut self, records_max: usize, _wait: Duration) -> Result<Read> {
        while let Some(part) = self.parts.last_mut() {
            let (records, number) = match &mut self.current {
                Some(current) => current,
                none => {
                    let file = File::open(&part.path).map_err(|error| unreadable(&part.path, &error))?;
                    none.insert((Records::new(BufReader::with_capacity(BUFFER_BYTES, file), self.shape), 0))
                }
            };
            let batch = next_batch(part, records, number, records_max);
            let batch = batch.map_err(|error| unreadable(&part.path, &error))?;
            if let Some(last) = batch.records.last() {
                part.next = last.offset + 1;
                return Ok(Read::Records(batch));
            }
            let (partition, before, next) = (part.partition, part.next, *number);
            self.parts.pop();
            self.current = None;
            // Empty lines at the end of a file are positions without rows.
            if next > before {
                return Ok(Read::Position { partition, next });
            }
        }
        Ok(Read::End)
    }

    fn status(&self) -> ReaderStatus {
        ReaderStatus { state: "running", ..ReaderStatus::default() }
    }
}

/// The next records of `part`; none at its end. `number` is that of the next record in the file.
fn next_batch(
    part: &Part,
    records: &mut Records<BufReader<File>>,
    number: &mut i64,
    records_max: usize,
) -> io::Result<RawBatch> {
    let mut batch =
        RawBatch { topic: part.path.to_string_lossy().into(), partition: part.partition, ..RawBatch::default() };
    let records_max = records_max.clamp(1, BATCH_RECORDS_MAX);
    while *number < part.until && batch.records.len() < records_max && batch.arena.len() < BATCH_BYTES_MAX {
        let start = batch.arena.len();
        if !records.next(&mut batch.arena)? {
            break;
        }
        let offset = *number;
        *number += 1;
        if offset < part.next || batch.arena[start..].iter().all(u8::is_ascii_whitespace) {
            batch.arena.truncate(start);
            continue;
        }
        let value = Some(start..batch.arena.len());
        batch.records.push(RawRecord { value, key: None, offset, timestamp_ms: -1, headers: Vec::new() });
    }
    Ok(batch)
}

/// The delimiter that the CSV format uses, a comma unless the option says otherwise.
fn delimiter(options: &Options) -> Result<u8> {
    match options.get("delimiter").map(str::as_bytes) {
        None => Ok(b','),
        Some(b"\\t" | b"tab") => Ok(b'\t'),
        Some([byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        Some(_) => Err(invalid("option \"delimiter\" must be one ASCII character")),
    }
}

/// The files that a path or pattern names, sorted.
fn find(path: &str) -> Result<Vec<PathBuf>> {
    if !path.contains(['*', '?', '[']) {
        let file = PathBuf::from(path);
        let kind = file.metadata().map_err(|error| unreadable(&file, &error))?;
        if kind.is_dir() {
            return Err(Error::new(code::WRONG_OBJECT_TYPE, format!("\"{path}\" is a directory"))
                .hint(format!("to read its files, give a pattern such as '{}/*.json'", path.trim_end_matches('/'))));
        }
        return Ok(vec![file]);
    }
    let matches = glob::glob(path).map_err(|error| invalid(format!("option \"path\" is not a pattern: {error}")))?;
    let mut files = Vec::new();
    for file in matches {
        let file = file.map_err(|error| unreadable(error.path(), error.error()))?;
        if file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::new(code::UNDEFINED_FILE, format!("no file matches \"{path}\""))
            .hint("the path is one on the server's machine, relative to where it was started"));
    }
    files.sort_unstable();
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    let hint = "the path is one on the server's machine, relative to where it was started";
    match error.kind() {
        io::ErrorKind::NotFound => {
            Error::new(code::UNDEFINED_FILE, format!("file \"{path}\" does not exist")).hint(hint)
        }
        _ => Error::new(code::IO_ERROR, format!("file \"{path}\" could not be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
