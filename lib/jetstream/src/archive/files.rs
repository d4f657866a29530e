//! The older form: the files of a stream in the reference server's store, in a tar file.
//!
//! ```text
//! meta.inf  meta.sum                    the configuration and when it was made; its checksum
//! msgs/<number>.idx                     up to 2.9, before its block: which of its messages were removed
//! msgs/<number>.blk                     records, see `records`
//! msgs/index.db and the like            derived, passed over
//! obs/<consumer>/meta.inf meta.sum o.dat
//! errors.txt                            what went wrong while it was written
//! ```
//!
//! Messages that were removed without a trace in the blocks are those below the first sequence, which stands in the request beside the
//! archive.

use std::io::Read;

use nats_api::jetstream::{ConsumerConfig, StreamConfig};
use nats_api::time::Timestamp as ApiTime;
use nats_store::Timestamp;
use serde::Deserialize;

use super::consumer::read_file;
use super::records::{self, Gone, checksum};
use super::tar::{self, File};
use super::{About, ArchiveError, ArchivedConsumer, Visit};
use crate::config::is_valid_name;
use crate::limits::{ARCHIVE_CONSUMER_MAX, ARCHIVE_FILES_MAX, ARCHIVE_STATE_MAX, NAME_LEN_MAX};

/// What a file of the archive is.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Meta,
    MetaSum,
    Index(u64),
    Block(u64),
    /// Can be made again from the blocks.
    Derived,
    Errors,
    ConsumerMeta(&'a str),
    ConsumerMetaSum(&'a str),
    ConsumerState(&'a str),
}

impl<'a> Place<'a> {
    /// `None`: nothing that a stream has. Names are only compared, never used.
    fn of(name: &'a str) -> Option<Self> {
        let consumer = |rest: &'a str| {
            let (consumer, file) = rest.split_once('/')?;
            if !is_valid_name(consumer) || consumer.len() > NAME_LEN_MAX {
                return None;
            }
            match file {
                "meta.inf" => Some(Self::ConsumerMeta(consumer)),
                "meta.sum" => Some(Self::ConsumerMetaSum(consumer)),
                "o.dat" => Some(Self::ConsumerState(consumer)),
                _ => None,
            }
        };
        match name {
            "meta.inf" => Some(Self::Meta),
            "meta.sum" => Some(Self::MetaSum),
            "errors.txt" => Some(Self::Errors),
            "msgs/index.db" | "msgs/thw.db" | "msgs/sched.db" | "msgs/sources.db" => {
                Some(Self::Derived)
            }
            _ => match name.split_once('/')? {
                ("obs", rest) => consumer(rest),
                ("msgs", file) => {
                    let (number, kind) = file.split_once('.')?;
                    let number = number.parse().ok().filter(|_| is_number(number))?;
                    match kind {
                        "idx" => Some(Self::Index(number)),
                        "blk" => Some(Self::Block(number)),
                        "fss" => Some(Self::Derived),
                        _ => None,
                    }
                }
                _ => None,
            },
        }
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `meta.inf`, beside the configuration.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Made {
    created: ApiTime,
}

/// A consumer whose files have not all come.
struct Begun {
    name: String,
    meta: Vec<u8>,
    config: ConsumerConfig,
    created: Option<Timestamp>,
    is_proven: bool,
}

/// Reads the whole archive of the stream `name`.
pub fn read(name: &str, source: &mut dyn Read, visit: &mut dyn Visit) -> Result<(), ArchiveError> {
    let mut reading = Reading {
        name,
        files: 0,
        meta: None,
        is_proven: false,
        block: 0,
        index: None,
        begun: None,
        visit,
    };
    while let Some(file) = tar::next(source).map_err(|e| foreign_at_first(e, reading.files))? {
        reading.file(&file, source)?;
        tar::pad(source, file.size)?;
    }
    match (reading.meta.filter(|_| reading.is_proven), reading.begun) {
        (None, _) => Err(ArchiveError::Foreign("it has no meta.inf with a checksum")),
        (_, Some(begun)) => Err(ArchiveError::Damaged(format!(
            "consumer {:?} has no state",
            begun.name
        ))),
        _ => Ok(()),
    }
}

/// What is no tar file at its very beginning is something else altogether.
fn foreign_at_first(error: ArchiveError, files: usize) -> ArchiveError {
    match (error, files) {
        (ArchiveError::Damaged(_), 0) => ArchiveError::Foreign("neither entries nor a tar file"),
        (other, _) => other,
    }
}

struct Reading<'a> {
    name: &'a str,
    files: usize,
    meta: Option<Vec<u8>>,
    /// The checksum of `meta` came.
    is_proven: bool,
    /// The number of the last block.
    block: u64,
    /// What is known to be gone of the block that follows.
    index: Option<(u64, Gone)>,
    begun: Option<Begun>,
    visit: &'a mut dyn Visit,
}

impl Reading<'_> {
    fn file(&mut self, file: &File, source: &mut dyn Read) -> Result<(), ArchiveError> {
        let unexpected = || ArchiveError::Unexpected(format!("{:?}", file.name));
        let place = Place::of(&file.name).ok_or_else(unexpected)?;
        if self.meta.is_none() && !matches!(place, Place::Meta | Place::Errors) {
            return Err(ArchiveError::Foreign("meta.inf does not come first"));
        }
        if self.begun.is_some() && !place.belongs_to(self.begun.as_ref()) {
            return Err(unexpected());
        }
        self.files = self.files.saturating_add(1);
        if self.files > ARCHIVE_FILES_MAX {
            return Err(ArchiveError::TooLarge {
                what: "the list of its files",
                size: self.files as u64,
                max: ARCHIVE_FILES_MAX as u64,
            });
        }
        match place {
            Place::Meta if self.meta.is_none() => {
                self.stream(whole(file, ARCHIVE_STATE_MAX, source)?)
            }
            Place::MetaSum if !self.is_proven => {
                self.is_proven = true;
                let sum = whole(file, ARCHIVE_STATE_MAX, source)?;
                prove(self.name, self.meta.as_deref(), &sum)
            }
            Place::Block(number) if number > self.block => {
                self.block = number;
                let gone = self.index.take().filter(|(of, _)| *of == number);
                let gone = gone.map(|(_, gone)| gone).unwrap_or_default();
                records::read(self.name, number, file.size, &gone, source, self.visit)
            }
            Place::Index(number) if number > self.block => {
                let bytes = whole(file, ARCHIVE_CONSUMER_MAX, source)?;
                let gone = Gone::read(&bytes)
                    .map_err(|what| ArchiveError::Damaged(format!("{:?}: {what}", file.name)))?;
                self.index = Some((number, gone));
                Ok(())
            }
            Place::Meta | Place::MetaSum | Place::Index(_) | Place::Block(_) => Err(unexpected()),
            Place::Derived => pass(file, source),
            Place::Errors => {
                let text = whole(file, ARCHIVE_STATE_MAX, source)?;
                Err(ArchiveError::Incomplete(
                    String::from_utf8_lossy(&text).into_owned(),
                ))
            }
            Place::ConsumerMeta(consumer) => self.consumer(consumer, file, source),
            Place::ConsumerMetaSum(consumer) => {
                let sum = whole(file, ARCHIVE_STATE_MAX, source)?;
                let key = format!("{}/{consumer}", self.name);
                let begun = self.begun.as_mut().ok_or_else(unexpected)?;
                begun.is_proven = true;
                prove(&key, Some(&begun.meta), &sum)
            }
            Place::ConsumerState(_) => {
                let bytes = whole(file, ARCHIVE_CONSUMER_MAX, source)?;
                let begun = self.begun.take().ok_or_else(unexpected)?;
                self.finish_consumer(begun, &bytes)
            }
        }
    }

    fn stream(&mut self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let damaged = |e: serde_json::Error| ArchiveError::Damaged(format!("meta.inf: {e}"));
        let made: Made = serde_json::from_slice(&bytes).map_err(damaged)?;
        let config: StreamConfig = serde_json::from_slice(&bytes).map_err(damaged)?;
        if config.name != self.name {
            return Err(ArchiveError::Unexpected(format!(
                "it is of stream {:?}",
                config.name
            )));
        }
        self.meta = Some(bytes);
        self.visit.about(&About {
            created: when(made.created),
            state: None,
        })
    }

    fn consumer(
        &mut self,
        name: &str,
        file: &File,
        source: &mut dyn Read,
    ) -> Result<(), ArchiveError> {
        let meta = whole(file, ARCHIVE_STATE_MAX, source)?;
        let damaged =
            |e: serde_json::Error| ArchiveError::Damaged(format!("consumer {name:?}: {e}"));
        let made: Made = serde_json::from_slice(&meta).map_err(damaged)?;
        let config: ConsumerConfig = serde_json::from_slice(&meta).map_err(damaged)?;
        self.begun = Some(Begun {
            name: name.to_owned(),
            meta,
            config,
            created: when(made.created),
            is_proven: false,
        });
        Ok(())
    }

    fn finish_consumer(&mut self, begun: Begun, bytes: &[u8]) -> Result<(), ArchiveError> {
        let damaged =
            |what: &str| ArchiveError::Damaged(format!("consumer {:?}: {what}", begun.name));
        if !begun.is_proven {
            return Err(damaged("without checksum"));
        }
        let state = read_file(bytes).map_err(damaged)?;
        self.visit.consumer(ArchivedConsumer {
            name: begun.name,
            config: begun.config,
            created: begun.created,
            state,
        })
    }
}

impl Place<'_> {
    /// Files of a consumer follow one another.
    fn belongs_to(&self, begun: Option<&Begun>) -> bool {
        match self {
            Self::ConsumerMetaSum(name) | Self::ConsumerState(name) => {
                begun.is_some_and(|begun| begun.name == *name)
            }
            _ => false,
        }
    }
}

/// A small file.
fn whole(file: &File, max: u64, source: &mut dyn Read) -> Result<Vec<u8>, ArchiveError> {
    if file.size > max {
        return Err(ArchiveError::TooLarge {
            what: "a file in the archive",
            size: file.size,
            max,
        });
    }
    let mut bytes = Vec::new();
    let read = source.take(file.size).read_to_end(&mut bytes)?;
    match read as u64 == file.size {
        true => Ok(bytes),
        false => Err(ArchiveError::Truncated),
    }
}

fn pass(file: &File, source: &mut dyn Read) -> Result<(), ArchiveError> {
    let passed = std::io::copy(&mut source.take(file.size), &mut std::io::sink())?;
    match passed == file.size {
        true => Ok(()),
        false => Err(ArchiveError::Truncated),
    }
}

/// The checksum of a `meta.inf` as hex digits.
fn prove(key: &str, meta: Option<&[u8]>, sum: &[u8]) -> Result<(), ArchiveError> {
    let holds = meta.is_some_and(|meta| {
        let digits: String = checksum(key, &[meta])
            .to_le_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        digits.as_bytes() == sum
    });
    match holds {
        true => Ok(()),
        false => Err(ArchiveError::Damaged(
            "the checksum of a meta.inf does not hold".to_owned(),
        )),
    }
}

fn when(time: ApiTime) -> Option<Timestamp> {
    match time.is_never() {
        true => None,
        false => i64::try_from(time.unix_nanos()).ok().map(Timestamp),
    }
}
