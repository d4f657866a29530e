//! The staple of a certificate of ours: the issuer's latest word on it, shown to clients with the certificate.
//!
//! A staple is empty until [`Staple::obtain`]. It comes from memory, from the folder `ocsp` of the store, or from a responder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use hyper::body::Bytes;
use nats_api::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

use super::{Answer, AnswerError, CertificateError, Link, Status, must_staple, read, request};
use crate::http::{Client, HttpError};
use crate::limits::{
    OCSP_ANSWER_BYTES_MAX, OCSP_STAPLE_CHECK, OCSP_STAPLE_CHECK_MIN, OCSP_STAPLE_WAIT,
};
use crate::options::{Ocsp, OcspMode};

/// What the options say about staples.
#[derive(Debug, Clone, Default)]
pub struct Stapling {
    /// `None`: as the certificates say.
    pub ocsp: Option<Ocsp>,
    /// Where staples are kept.
    pub store_dir: Option<PathBuf>,
}

impl Stapling {
    /// The staple of the first certificate of `chain`, read from `file`, if it is to have one.
    ///
    /// # Errors
    /// The issuer is not to be found, neither in the chain nor among `authorities`.
    pub fn staple(
        &self,
        file: &Path,
        chain: &[CertificateDer<'static>],
        authorities: impl FnOnce() -> Vec<CertificateDer<'static>>,
    ) -> Result<Option<Arc<Staple>>, CertificateError> {
        let leaf = chain.first().ok_or(CertificateError::NotX509)?;
        let wanted = must_staple(leaf);
        let mode = self.ocsp.as_ref().map(|ocsp| ocsp.mode);
        let stop_when_bad = match mode {
            Some(OcspMode::Never) => {
                if wanted {
                    let file = file.display();
                    tracing::warn!("Certificate at '{file}' has MustStaple but OCSP is disabled");
                }
                return Ok(None);
            }
            Some(OcspMode::Always) => true,
            _ if !wanted => return Ok(None),
            Some(OcspMode::Must) => true,
            Some(OcspMode::Auto) | None => false,
        };
        let urls = self.ocsp.as_ref().map(|ocsp| ocsp.urls.clone());
        Ok(Some(Arc::new(Staple {
            link: Link::of_chain(chain, &authorities())?,
            file: file.to_owned(),
            stop_when_bad,
            urls: urls.unwrap_or_default(),
            folder: self.store_dir.as_ref().map(|dir| dir.join(STORE_FOLDER)),
            current: ArcSwapOption::empty(),
        })))
    }
}

/// Folder of the staples in the server's store.
const STORE_FOLDER: &str = "ocsp";

/// The staple of one certificate.
#[derive(Debug)]
pub struct Staple {
    link: Link,
    file: PathBuf,
    stop_when_bad: bool,
    /// Responders instead of those in the certificate.
    urls: Vec<String>,
    folder: Option<PathBuf>,
    current: ArcSwapOption<Stapled>,
}

#[derive(Debug)]
struct Stapled {
    raw: Vec<u8>,
    answer: Answer,
}

/// Why a certificate has no staple.
#[derive(Debug, thiserror::Error)]
pub enum StapleError {
    #[error("{0}")]
    NotCurrent(String),
    #[error("no available ocsp servers")]
    NoResponder,
    #[error("exhausted ocsp servers: {0}")]
    Unreachable(String),
    #[error("failed to get remote status: {0}")]
    Answer(#[from] AnswerError),
    #[error("failed to write ocsp status: {0}")]
    Store(#[source] std::io::Error),
}

/// Why a server does not begin with a staple.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    #[error("bad OCSP status update for certificate at '{file}': {source}", file = .file.display())]
    NoAnswer { file: PathBuf, source: StapleError },
    #[error("found existing OCSP status for certificate at '{file}': {status}", file = .file.display(), status = .status.as_str())]
    NotGood { file: PathBuf, status: Status },
}

/// What is to be done about a staple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Look again after this time.
    Wait(Duration),
    /// The certificate is not good, and the options say that the server is to stop then.
    Stop,
}

impl Staple {
    /// The staple as it is to be shown at `now`; `None` when there is none that counts.
    pub fn shown(&self, now: SystemTime) -> Option<Vec<u8>> {
        let current = self.current.load();
        let current = current.as_ref()?;
        let counts = current.answer.check_staple(now).is_ok();
        counts.then(|| current.raw.clone())
    }

    /// Takes over what `former` holds, if it is about the same certificate.
    pub fn succeed(&self, former: &Self) {
        if self.link == former.link {
            self.current.store(former.current.load_full());
        }
    }

    /// Gets a staple before the first client comes: the one at hand, the stored one, or a new one.
    ///
    /// # Errors
    /// There is no answer, or it is not good and the options say that the server is to stop then.
    pub async fn obtain(&self, client: &Client, now: SystemTime) -> Result<(), ObtainError> {
        let file = || self.file.clone();
        if self.shown(now).is_none() {
            let stored = self.load_stored(now).await;
            let got = match stored {
                Some(stored) => Ok(stored),
                None => self.fetch(client, now).await,
            };
            let got = got.map_err(|source| ObtainError::NoAnswer {
                file: file(),
                source,
            })?;
            self.current.store(Some(Arc::new(got)));
        }
        match self.status() {
            Some(status) if status != Status::Good && self.stop_when_bad => {
                Err(ObtainError::NotGood {
                    file: file(),
                    status,
                })
            }
            _ => Ok(()),
        }
    }

    fn status(&self) -> Option<Status> {
        let current = self.current.load();
        current.as_ref().map(|c| c.answer.status)
    }

    /// What the upkeep says at its start.
    pub fn begin(&self, now: SystemTime) -> Next {
        let pause = self.pause(now);
        let Some((status, next)) = self.words() else {
            return Next::Wait(Duration::ZERO);
        };
        let file = self.file.display();
        match status {
            Status::Good => {
                tracing::info!(
                    "Found OCSP status for Client certificate at '{file}': good, next update {next}, checking again in {pause:?}"
                );
                Next::Wait(pause)
            }
            bad => {
                let bad = bad.as_str();
                tracing::error!("Found OCSP status for Client certificate at '{file}': {bad}");
                self.after_bad(pause)
            }
        }
    }

    /// Asks a responder again.
    pub async fn refresh(&self, client: &Client, now: SystemTime) -> Next {
        let file = self.file.display();
        match self.fetch(client, now).await {
            Ok(got) => self.current.store(Some(Arc::new(got))),
            Err(error) => {
                let pause = self.pause(now).max(OCSP_STAPLE_CHECK_MIN);
                tracing::error!(
                    "Bad OCSP status update for certificate '{file}': {error}, trying again in {pause:?}"
                );
                return Next::Wait(pause);
            }
        }
        let pause = self.pause(now);
        match self.words() {
            Some((Status::Good, next)) => {
                tracing::info!(
                    "Received OCSP status for Client certificate '{file}': good, next update {next}, checking again in {pause:?}"
                );
                Next::Wait(pause)
            }
            Some((bad, _)) => {
                let bad = bad.as_str();
                tracing::error!("Received OCSP status for Client certificate '{file}': {bad}");
                self.after_bad(pause)
            }
            None => Next::Wait(pause),
        }
    }

    fn after_bad(&self, pause: Duration) -> Next {
        match self.stop_when_bad {
            true => Next::Stop,
            false => Next::Wait(pause),
        }
    }

    fn words(&self) -> Option<(Status, Timestamp)> {
        let current = self.current.load();
        let answer = current.as_ref()?.answer;
        let next = answer.next_update.map(Timestamp::from);
        Some((answer.status, next.unwrap_or_default()))
    }

    /// Half of the time that the staple has left.
    fn pause(&self, now: SystemTime) -> Duration {
        let current = self.current.load();
        let Some(current) = current.as_ref() else {
            return OCSP_STAPLE_CHECK_MIN;
        };
        let Some(next) = current.answer.next_update else {
            return OCSP_STAPLE_CHECK;
        };
        match next.duration_since(now) {
            Ok(left) => left.checked_div(2).unwrap_or_default(),
            Err(_) => OCSP_STAPLE_CHECK_MIN,
        }
    }

    fn accept(&self, raw: Vec<u8>, now: SystemTime) -> Result<Stapled, StapleError> {
        let answer = read(&raw, &self.link)?;
        answer.check_staple(now).map_err(StapleError::NotCurrent)?;
        Ok(Stapled { raw, answer })
    }

    /// Asks the responders in turn, each by POST and then by GET.
    async fn fetch(&self, client: &Client, now: SystemTime) -> Result<Stapled, StapleError> {
        let responders = match self.urls.is_empty() {
            true => self.link.responders(),
            false => self.urls.clone(),
        };
        let question = request(&self.link)?;
        let mut failures = Vec::new();
        for url in &responders {
            let url = url.trim_end_matches('/');
            for by in [Method::Post, Method::Get] {
                match by.ask(client, url, &question).await {
                    Ok(raw) => {
                        let stapled = self.accept(raw, now)?;
                        self.store(&stapled.raw).await.map_err(StapleError::Store)?;
                        return Ok(stapled);
                    }
                    Err(error) => failures.push(error.to_string()),
                }
            }
        }
        match failures.is_empty() {
            true => Err(StapleError::NoResponder),
            false => Err(StapleError::Unreachable(failures.join("; "))),
        }
    }

    fn stored_at(&self) -> Option<PathBuf> {
        let name = Sha256::digest(&self.link.leaf);
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(self.folder.as_ref()?.join(name))
    }

    async fn load_stored(&self, now: SystemTime) -> Option<Stapled> {
        let raw = tokio::fs::read(self.stored_at()?).await.ok()?;
        self.accept(raw, now).ok()
    }

    /// Whole or not at all.
    async fn store(&self, raw: &[u8]) -> std::io::Result<()> {
        let (Some(folder), Some(path)) = (&self.folder, self.stored_at()) else {
            return Ok(());
        };
        tokio::fs::create_dir_all(folder).await?;
        let draft = path.with_extension("new");
        tokio::fs::write(&draft, raw).await?;
        tokio::fs::rename(&draft, &path).await
    }
}

#[derive(Clone, Copy)]
enum Method {
    Post,
    Get,
}

impl Method {
    async fn ask(self, client: &Client, url: &str, question: &[u8]) -> Result<Vec<u8>, HttpError> {
        let begun = std::time::Instant::now();
        let (name, response) = match self {
            Self::Post => {
                let request = Request::builder()
                    .method(hyper::Method::POST)
                    .header("Content-Type", "application/ocsp-request")
                    .header("Accept", "application/ocsp-response");
                let body = Bytes::copy_from_slice(question);
                let sent = client.send(url, request, body, OCSP_ANSWER_BYTES_MAX);
                ("POST", tokio::time::timeout(OCSP_STAPLE_WAIT, sent).await)
            }
            Self::Get => {
                let url = question_url(url, question);
                let sent = client.get(&url, OCSP_ANSWER_BYTES_MAX);
                ("GET", tokio::time::timeout(OCSP_STAPLE_WAIT, sent).await)
            }
        };
        let response = response.map_err(|_| "the responder did not answer in time")??;
        let status = response.status();
        tracing::debug!(
            "Received OCSP response (method={name}, status={}, url={url}, duration={:.3}s)",
            status.as_u16(),
            begun.elapsed().as_secs_f64()
        );
        match status.is_success() {
            true => Ok(response.into_body().to_vec()),
            false => Err(format!(
                "non-ok http status on {name} request (reqlen={}): {}",
                question.len(),
                status.as_u16()
            )
            .into()),
        }
    }
}

/// Where a question is asked by GET: RFC 6960 appendix A.1.
pub(super) fn question_url(responder: &str, question: &[u8]) -> String {
    let question = STANDARD.encode(question);
    let question = utf8_percent_encode(&question, NON_ALPHANUMERIC);
    format!("{}/{question}", responder.trim_end_matches('/'))
}
