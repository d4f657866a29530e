//! What the system room wants to know of connections.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::conn::{AuthFailure, ClosedReason, Shared};
use crate::ocsp::InvalidLink;

/// Told of every connection's fate, on that connection's task: must be quick and must not block.
pub trait Observer: Send + Sync {
    fn connected(&self, client: &Arc<Shared>);
    fn disconnected(&self, client: &Arc<Shared>, reason: ClosedReason);
    fn auth_failed(&self, client: &Arc<Shared>, failure: &AuthFailure);
    /// Certificates that clients showed are not good in the eyes of their issuers.
    fn certificates_invalid(&self, links: &[InvalidLink]);
    /// A client was sent away for its certificates, leaf first.
    fn certificate_rejected(&self, certificates: &[CertificateDer<'static>]);
}
