//! Answers about clients' certificates, kept for their time, and on disk in the reference's format.
//!
//! A file of the reference is read, and what we write the reference reads: `cache.json`, a map from fingerprints to entries whose
//! answers are S2 streams.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nats_api::monitor::varz::OcspCacheVarz;
use nats_api::time::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Answer, Status};
use crate::limits::{OCSP_ANSWER_BYTES_MAX, OCSP_CACHE_ENTRIES_MAX, OCSP_CACHE_FILE_BYTES_MAX};
use crate::options::{OcspCache, OcspCacheKind};

/// File in the cache's folder.
const FILE: &str = "cache.json";

/// The cache. Without a kind it keeps nothing.
#[derive(Debug)]
pub struct Cache {
    settings: OcspCache,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<String, Entry>,
    hits: i64,
    misses: i64,
    /// There is something that the file does not have.
    dirty: bool,
}

/// An entry as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    subject: String,
    cached_at: Timestamp,
    #[serde(with = "status_text")]
    resp_status: Status,
    /// When there will be a newer answer; never, if that is not known.
    #[serde(default)]
    resp_expires: Timestamp,
    /// The answer as an S2 stream in base64.
    resp: String,
}

/// Figures for `/varz`.
pub type CacheFigures = OcspCacheVarz;

/// Keeps nothing.
impl Default for Cache {
    fn default() -> Self {
        Self {
            settings: OcspCache {
                kind: OcspCacheKind::None,
                ..OcspCache::default()
            },
            kept: Mutex::default(),
        }
    }
}

impl Cache {
    /// A cache with what its folder holds. A file that cannot be read is reported and begun anew. Blocks.
    pub fn load(settings: &OcspCache) -> Self {
        tracing::debug!("Starting OCSP peer cache");
        let mut kept = Kept::default();
        if settings.kind == OcspCacheKind::Local {
            let file = settings.local_store.join(FILE);
            tracing::debug!("Loading OCSP peer cache [{}]", file.display());
            match read_file(&file) {
                Ok(Some(entries)) => kept.entries = entries,
                Ok(None) => {
                    tracing::debug!("No OCSP peer cache found, starting with empty cache");
                }
                Err(error) => {
                    tracing::warn!("Unable to load OCSP peer cache: {error}");
                    kept.dirty = true;
                }
            }
        }
        let kind = kind(settings);
        tracing::info!("OCSP peer cache online, type [{kind}]");
        Self {
            settings: settings.clone(),
            kept: Mutex::new(kept),
        }
    }

    pub fn settings(&self) -> &OcspCache {
        &self.settings
    }

    fn keeps(&self) -> bool {
        self.settings.kind == OcspCacheKind::Local
    }

    /// The answer about the certificate with this fingerprint.
    pub(super) fn get(&self, fingerprint: &str) -> Option<Vec<u8>> {
        if !self.keeps() {
            return None;
        }
        let mut kept = self.kept.lock();
        let Some(entry) = kept.entries.get(fingerprint).cloned() else {
            kept.misses = kept.misses.saturating_add(1);
            tracing::debug!("OCSP peer cache miss for key [{fingerprint}]");
            return None;
        };
        kept.hits = kept.hits.saturating_add(1);
        drop(kept);
        tracing::debug!("OCSP peer cache hit for key [{fingerprint}]");
        match unpack(&entry.resp) {
            Ok(raw) => Some(raw),
            Err(error) => {
                tracing::error!(
                    "Unable to decompress OCSP response for key [{fingerprint}]: {error}"
                );
                None
            }
        }
    }

    /// Keeps an answer. When there are too many, the oldest goes.
    pub(super) fn put(&self, fingerprint: &str, subject: &str, answer: &Answer, raw: &[u8]) {
        if !self.keeps() {
            return;
        }
        tracing::debug!("Caching OCSP response for [{subject}], key [{fingerprint}]");
        let resp = match pack(raw) {
            Ok(resp) => resp,
            Err(error) => {
                return tracing::error!(
                    "Unable to compress OCSP response for key [{fingerprint}]: {error}"
                );
            }
        };
        let next = answer.next_update.map(Timestamp::from);
        let entry = Entry {
            subject: subject.to_owned(),
            cached_at: SystemTime::now().into(),
            resp_status: answer.status,
            resp_expires: next.unwrap_or_default(),
            resp,
        };
        let mut kept = self.kept.lock();
        if kept.entries.len() >= OCSP_CACHE_ENTRIES_MAX {
            let oldest = kept.entries.iter().min_by_key(|(_, e)| e.cached_at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                kept.entries.remove(&oldest);
            }
        }
        kept.entries.insert(fingerprint.to_owned(), entry);
        kept.dirty = true;
    }

    /// An answer that was found does not count: the hit was a miss. Revocations stay if the options say so.
    pub(super) fn discard(&self, fingerprint: &str) {
        let mut kept = self.kept.lock();
        let Some(entry) = kept.entries.get(fingerprint) else {
            return;
        };
        if entry.resp_status == Status::Revoked && self.settings.preserve_revoked {
            tracing::debug!(
                "Revoked OCSP response for key [{fingerprint}] preserved by cache policy"
            );
        } else {
            tracing::debug!("Deleting OCSP peer cached response for key [{fingerprint}]");
            kept.entries.remove(fingerprint);
            kept.dirty = true;
        }
        kept.hits = kept.hits.saturating_sub(1);
        kept.misses = kept.misses.saturating_add(1);
    }

    /// Figures; `None` when nothing is kept.
    pub fn figures(&self) -> Option<CacheFigures> {
        if !self.keeps() {
            return None;
        }
        let kept = self.kept.lock();
        let with = |status| {
            let entries = kept.entries.values();
            let count = entries.filter(|e| e.resp_status == status).count();
            i64::try_from(count).unwrap_or(i64::MAX)
        };
        Some(CacheFigures {
            cache_type: kind(&self.settings).to_owned(),
            cache_hits: kept.hits,
            cache_misses: kept.misses,
            cached_responses: i64::try_from(kept.entries.len()).unwrap_or(i64::MAX),
            cached_revoked_responses: with(Status::Revoked),
            cached_good_responses: with(Status::Good),
            cached_unknown_responses: with(Status::Unknown),
        })
    }

    /// Writes the file if it lacks anything: whole or not at all. Blocks.
    pub fn save(&self) {
        let entries = {
            let mut kept = self.kept.lock();
            if !self.keeps() || !kept.dirty {
                return;
            }
            kept.dirty = false;
            kept.entries.clone()
        };
        let file = self.settings.local_store.join(FILE);
        tracing::debug!("Saving OCSP peer cache [{}]", file.display());
        match write_file(&self.settings.local_store, &file, &entries) {
            Ok(bytes) => tracing::debug!("Saved OCSP peer cache successfully ({bytes} bytes)"),
            Err(error) => {
                self.kept.lock().dirty = true;
                tracing::error!("Unable to save OCSP peer cache: {error}");
            }
        }
    }
}

const fn kind(settings: &OcspCache) -> &'static str {
    match settings.kind {
        OcspCacheKind::Local => "local",
        OcspCacheKind::None => "none",
    }
}

fn read_file(file: &Path) -> std::io::Result<Option<BTreeMap<String, Entry>>> {
    let opened = match std::fs::File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = Vec::new();
    opened
        .take(OCSP_CACHE_FILE_BYTES_MAX)
        .read_to_end(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

fn write_file(
    folder: &Path,
    file: &Path,
    entries: &BTreeMap<String, Entry>,
) -> std::io::Result<usize> {
    let text = serde_json::to_vec_pretty(entries)?;
    std::fs::create_dir_all(folder)?;
    let draft: PathBuf = folder.join(format!("{FILE}.new"));
    let mut written = std::fs::File::create(&draft)?;
    written.write_all(&text)?;
    written.sync_all()?;
    std::fs::rename(&draft, file)?;
    Ok(text.len())
}

fn pack(raw: &[u8]) -> std::io::Result<String> {
    let mut stream = minlz::s2::Writer::new(Vec::new());
    stream.write_all(raw)?;
    stream.flush()?;
    Ok(STANDARD.encode(stream.get_ref()))
}

fn unpack(text: &str) -> std::io::Result<Vec<u8>> {
    let packed = STANDARD.decode(text).map_err(std::io::Error::other)?;
    let stream = minlz::s2::Reader::with_max_block_size(packed.as_slice(), OCSP_ANSWER_BYTES_MAX);
    let mut raw = Vec::new();
    stream
        .take(OCSP_ANSWER_BYTES_MAX as u64)
        .read_to_end(&mut raw)?;
    Ok(raw)
}

/// A status by its word; one that is not known is `unknown`, as in the reference.
mod status_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Status;

    pub fn serialize<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(status.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = [Status::Good, Status::Revoked].into_iter();
        let status = known.into_iter().find(|status| status.as_str() == word);
        Ok(status.unwrap_or(Status::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> OcspCache {
        OcspCache {
            local_store: folder.join("rc"),
            ..OcspCache::default()
        }
    }

    fn answer(status: Status) -> Answer {
        Answer {
            status,
            this_update: SystemTime::UNIX_EPOCH,
            next_update: None,
        }
    }

    #[test]
    fn what_is_saved_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        let cache = Cache::load(&settings);
        cache.put("key", "CN=a", &answer(Status::Revoked), b"an answer");
        cache.save();
        let again = Cache::load(&settings);
        assert_eq!(again.get("key").as_deref(), Some(&b"an answer"[..]));
        assert_eq!(again.get("other"), None);
        let figures = again.figures().expect("figures");
        let counts = (
            figures.cache_hits,
            figures.cache_misses,
            figures.cached_responses,
        );
        assert_eq!(counts, (1, 1, 1));
        assert_eq!(figures.cached_revoked_responses, 1);
    }

    #[test]
    fn a_revocation_survives_being_discarded_when_the_options_say_so() {
        let folder = tempfile::tempdir().expect("a folder");
        for preserve_revoked in [false, true] {
            let cache = Cache::load(&OcspCache {
                preserve_revoked,
                ..settings(folder.path())
            });
            cache.put("good", "", &answer(Status::Good), b"1");
            cache.put("revoked", "", &answer(Status::Revoked), b"2");
            assert!(cache.get("good").is_some() && cache.get("revoked").is_some());
            cache.discard("good");
            cache.discard("revoked");
            assert_eq!(cache.get("good"), None);
            assert_eq!(cache.get("revoked").is_some(), preserve_revoked);
        }
    }

    #[test]
    fn a_file_that_is_none_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        std::fs::create_dir_all(&settings.local_store).expect("a folder");
        std::fs::write(settings.local_store.join(FILE), "not json").expect("written");
        let cache = Cache::load(&settings);
        assert_eq!(cache.figures().expect("figures").cached_responses, 0);
        cache.save();
        assert_eq!(
            Cache::load(&settings)
                .figures()
                .expect("figures")
                .cached_responses,
            0
        );
    }

    #[test]
    fn nothing_is_kept_without_a_kind() {
        let cache = Cache::load(&OcspCache {
            kind: OcspCacheKind::None,
            ..OcspCache::default()
        });
        cache.put("key", "", &answer(Status::Good), b"1");
        assert_eq!(cache.get("key"), None);
        assert_eq!(cache.figures(), None);
    }
}
