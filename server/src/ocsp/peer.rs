//! Whether the certificates of a client are still good.
//!
//! A chain is good when none of its links can be asked about, or when every one that can is good. A client is good when one of its
//! chains is. Source: the reference's `server/ocsp_peer.go`, whose words stand in the log and in events.

use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use tokio::sync::Semaphore;

use super::certificate::chains;
use super::staple::question_url;
use super::{Answer, AnswerError, Cache, Described, Link, Status, read, request};
use crate::http::Client;
use crate::limits::{OCSP_ANSWER_BYTES_MAX, OCSP_QUESTIONS_MAX};
use crate::options::OcspPeer;

/// Questions under way, of all listeners.
static PLACES: Semaphore = Semaphore::const_new(OCSP_QUESTIONS_MAX);

/// Checks clients of one listener.
pub struct PeerCheck {
    settings: OcspPeer,
    authorities: Vec<CertificateDer<'static>>,
    cache: Arc<Cache>,
    client: Client,
}

/// What became of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub good: bool,
    /// Links that were not good, whatever became of the client.
    pub invalid: Vec<InvalidLink>,
}

/// A link of a client's chain that is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidLink {
    pub peer: Described,
    pub link: Described,
    pub reason: String,
}

impl PeerCheck {
    /// `authorities` are those from which certificates are accepted.
    pub fn new(
        settings: OcspPeer,
        authorities: Vec<CertificateDer<'static>>,
        cache: Arc<Cache>,
        client: Client,
    ) -> Self {
        Self {
            settings,
            authorities,
            cache,
            client,
        }
    }

    /// Checks what a client showed, leaf first; the TLS library has accepted it.
    pub async fn check(&self, presented: &[CertificateDer<'static>]) -> Outcome {
        let Some(peer) = presented.first() else {
            tracing::error!("Peer certificate is nil, rejecting OCSP peer");
            return Outcome {
                good: false,
                invalid: Vec::new(),
            };
        };
        let chains = chains(presented, &self.authorities);
        let count = chains.len();
        tracing::debug!("Peer OCSP enabled: {count} TLS client chain(s) will be evaluated");
        let mut outcome = Outcome {
            good: false,
            invalid: Vec::new(),
        };
        for (at, chain) in chains.iter().enumerate() {
            match self.check_chain(at, chain).await {
                Ok(()) => {
                    outcome.good = true;
                    return outcome;
                }
                Err((link, reason)) => {
                    tracing::debug!("{reason}");
                    outcome.invalid.push(InvalidLink {
                        peer: Described::of(peer),
                        link: Described::of(&link),
                        reason,
                    });
                }
            }
        }
        tracing::debug!("No OCSP valid chains, thus peer is invalid");
        outcome
    }

    /// The link that is not good, and why.
    async fn check_chain(
        &self,
        at: usize,
        chain: &[CertificateDer<'static>],
    ) -> Result<(), (CertificateDer<'static>, String)> {
        tracing::debug!("Chain [{at}]: {} total link(s)", chain.len());
        if chain.len() == 1 {
            tracing::debug!("Chain [{at}] is self-signed, thus peer is valid");
            return Ok(());
        }
        let links = chain.iter().zip(chain.iter().skip(1));
        let links = links.map(|(leaf, issuer)| Link {
            leaf: leaf.clone(),
            issuer: issuer.clone(),
        });
        let eligible: Vec<(Link, Vec<String>)> = links
            .map(|link| {
                let responders = link.responders();
                (link, responders)
            })
            .filter(|(_, responders)| !responders.is_empty())
            .collect();
        if eligible.is_empty() {
            tracing::debug!("Chain [{at}] has no OCSP eligible links, thus peer is valid");
            return Ok(());
        }
        let count = eligible.len();
        tracing::debug!("Chain [{at}] has {count} OCSP eligible link(s)");
        for (link, responders) in eligible {
            if let Err(reason) = self.check_link(&link, &responders).await {
                return Err((link.leaf, reason));
            }
        }
        tracing::debug!("Chain [{at}] is OCSP valid for all eligible links, thus peer is valid");
        Ok(())
    }

    /// Why a link is not good, in the words of the reference.
    async fn check_link(&self, link: &Link, responders: &[String]) -> Result<(), String> {
        let named = Described::of(&link.leaf);
        let subject = &named.subject;
        let (cached, was_revoked) = self.cached(link, &named);
        let answer = match cached {
            Some(answer) => answer,
            None => match self.ask(link, responders, &named).await {
                Ok(answer) => answer,
                Err(_) if self.settings.warn_only => return only_warn(subject),
                Err(NoAnswer::Unreachable) if self.settings.allow_when_ca_unreachable => {
                    return allow_unreachable(subject, was_revoked);
                }
                Err(no) => return Err(no.reason(subject)),
            },
        };
        let status = answer.status;
        let bad = match status {
            Status::Good => false,
            Status::Revoked => true,
            Status::Unknown => !self.settings.unknown_is_good,
        };
        let status = status.as_str();
        if !bad {
            tracing::debug!("OCSP verify pass for [{subject}]");
            return Ok(());
        }
        tracing::warn!("OCSP verify fail for [{subject}] with CA status [{status}]");
        if self.settings.warn_only {
            return only_warn(subject);
        }
        Err(format!("Invalid OCSP response status: {status}"))
    }

    /// The answer in the cache that counts now, and whether one there says that the certificate was revoked, be it old.
    fn cached(&self, link: &Link, named: &Described) -> (Option<Answer>, bool) {
        let (subject, key) = (&named.subject, &named.fingerprint);
        tracing::debug!("Checking OCSP peer cache for [{subject}], key [{key}]");
        let Some(raw) = self.cache.get(key) else {
            return (None, false);
        };
        let Ok(answer) = read(&raw, link) else {
            tracing::debug!(
                "Invalid cached OCSP response for [{subject}] with fingerprint [{key}]"
            );
            self.cache.discard(key);
            return (None, false);
        };
        let status = answer.status.as_str();
        let was_revoked = answer.status == Status::Revoked;
        if self.is_current(&answer) {
            tracing::debug!("Cached OCSP response is current, status [{status}]");
            return (Some(answer), was_revoked);
        }
        tracing::debug!("Cached OCSP response is expired, status [{status}]");
        self.cache.discard(key);
        (None, was_revoked)
    }

    fn is_current(&self, answer: &Answer) -> bool {
        answer.is_current(
            SystemTime::now(),
            self.settings.allowed_clockskew,
            self.settings.cache_ttl_when_next_update_unset,
        )
    }

    /// Asks a responder, and keeps the answer.
    async fn ask(
        &self,
        link: &Link,
        responders: &[String],
        named: &Described,
    ) -> Result<Answer, NoAnswer> {
        let subject = &named.subject;
        let raw = match self.fetch(link, responders).await {
            Ok(raw) => raw,
            Err(error) => {
                tracing::warn!(
                    "Attempt to obtain OCSP response from CA responder for [{subject}] failed: {error}"
                );
                return Err(NoAnswer::Unreachable);
            }
        };
        let answer = match read(&raw, link) {
            Ok(answer) => answer,
            Err(AnswerError::NotDelegated) => {
                tracing::warn!("Invalid OCSP response delegation: {subject}");
                return Err(NoAnswer::NotDelegated);
            }
            Err(error) => {
                tracing::error!("Could not parse OCSP CA response for [{subject}]: {error}");
                return Err(NoAnswer::Unreadable);
            }
        };
        if !self.is_current(&answer) {
            tracing::warn!("New OCSP CA response obtained for [{subject}] but not current");
            return Err(NoAnswer::NotCurrent);
        }
        self.cache.put(&named.fingerprint, subject, &answer, &raw);
        Ok(answer)
    }

    async fn fetch(&self, link: &Link, responders: &[String]) -> Result<Vec<u8>, String> {
        let question = request(link).map_err(|error| error.to_string())?;
        let _place = PLACES.acquire().await.map_err(|error| error.to_string())?;
        let mut failure = "no available OCSP servers".to_owned();
        for responder in responders {
            tracing::debug!("Trying OCSP responder url [{responder}]");
            let url = question_url(responder, &question);
            let asked = self.client.get(&url, OCSP_ANSWER_BYTES_MAX);
            let why = match tokio::time::timeout(self.settings.ca_timeout, asked).await {
                Ok(Ok(response)) if response.status().as_u16() == 200 => {
                    return Ok(response.into_body().to_vec());
                }
                Ok(Ok(response)) => {
                    let status = response.status().as_u16();
                    format!("bad OCSP responder http status: [{status}]")
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            failure = format!("exhausted OCSP responders: {why}");
        }
        Err(failure)
    }
}

fn only_warn(subject: &str) -> Result<(), String> {
    tracing::warn!("OCSP verify fail for [{subject}] but WarnOnly is true so allowing");
    Ok(())
}

/// Nobody can be asked. Who was not revoked when somebody last could is let in.
fn allow_unreachable(subject: &str, was_revoked: bool) -> Result<(), String> {
    let words =
        format!("Failed to obtain OCSP CA response for [{subject}] but AllowWhenCAUnreachable set");
    match was_revoked {
        false => {
            tracing::warn!("{words}; no cached revocation so allowing");
            Ok(())
        }
        true => {
            tracing::warn!("{words}; cached revocation exists so rejecting");
            Err(NoAnswer::Unreachable.reason(subject))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoAnswer {
    Unreachable,
    Unreadable,
    NotDelegated,
    NotCurrent,
}

impl NoAnswer {
    fn reason(self, subject: &str) -> String {
        match self {
            Self::Unreachable => "Failed OCSP response fetch".to_owned(),
            Self::Unreadable => "Failed OCSP response parse".to_owned(),
            Self::NotDelegated => format!("Invalid OCSP response delegation: {subject}"),
            Self::NotCurrent => "OCSP response not in effectivity window".to_owned(),
        }
    }
}
