//! Stream imports: what is subscribed to here is subscribed to there, too.

use std::sync::{Arc, Weak};

use nats_proto::subject::overlap;
use nats_proto::transform::{Transform, TransformError, both_ways};

use super::Account;
use crate::interest::{Shadow, Sub};
use crate::limits::IMPORT_HOPS_MAX;

/// A stream of another account, as it is seen here.
pub struct StreamImport {
    from: Weak<Account>,
    /// Pattern in the exporting account.
    remote: Box<[u8]>,
    /// Pattern here.
    local: Box<[u8]>,
    to_local: Option<Arc<Transform>>,
    to_remote: Option<Transform>,
    allow_trace: bool,
}

impl StreamImport {
    /// `to` is the pattern here; `None` keeps the exporter's subject.
    ///
    /// # Errors
    /// When `to` cannot be turned back into the exporter's subject.
    pub fn new(
        from: &Arc<Account>,
        remote: &str,
        to: Option<&str>,
        allow_trace: bool,
    ) -> Result<Self, TransformError> {
        let to = to.filter(|to| *to != remote);
        let ways = to.map(|to| both_ways(remote, to)).transpose()?;
        let (to_local, to_remote) = ways.unzip();
        let local = match &to_remote {
            Some(back) => back.source().as_bytes().into(),
            None => remote.as_bytes().into(),
        };
        Ok(Self {
            from: Arc::downgrade(from),
            remote: remote.as_bytes().into(),
            local,
            to_local: to_local.map(Arc::new),
            to_remote,
            allow_trace,
        })
    }

    /// The subject to subscribe to in the exporting account so that all of `wanted` that this import offers comes in.
    fn remote_for(&self, wanted: &[u8]) -> Option<Vec<u8>> {
        let overlap = overlap(wanted, &self.local)?;
        match &self.to_remote {
            None => Some(overlap),
            Some(_) if *overlap == *self.local => Some(self.remote.to_vec()),
            Some(back) => Some(back.apply_matched(&overlap, 0)),
        }
    }
}

impl Account {
    /// Subscribes in the exporting accounts to what `sub` wants of their streams.
    pub fn add_shadows(self: &Arc<Self>, sub: &Arc<Sub>) {
        self.shadow(sub, &sub.subject, &[], 0);
    }

    fn shadow(
        self: &Arc<Self>,
        origin: &Arc<Sub>,
        wanted: &[u8],
        way: &[Arc<Transform>],
        hops: usize,
    ) {
        let settings = self.settings();
        if settings.streams.is_empty() || hops >= IMPORT_HOPS_MAX {
            return;
        }
        for import in &settings.streams {
            let (Some(from), Some(remote)) = (import.from.upgrade(), import.remote_for(wanted))
            else {
                continue;
            };
            if Arc::ptr_eq(&from, self) {
                continue;
            }
            // On delivery the exporter's subject goes through these, first to last.
            let rewrite: Vec<_> = import.to_local.iter().chain(way).cloned().collect();
            let shadow = Arc::new(Sub::shadow(
                origin,
                &remote,
                Shadow {
                    rewrite: rewrite.clone(),
                    origin: origin.clone(),
                    account: from.name.clone(),
                    allow_trace: import.allow_trace,
                },
            ));
            from.interest.insert(shadow.clone());
            origin.add_shadow(from.interest.clone(), shadow);
            from.shadow(origin, &remote, &rewrite, hops + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Settings;

    #[test]
    fn the_remote_subject_follows_prefix_and_tokens() {
        let a = Arc::new(Account::new("A", Settings::default()));
        for (remote, to, wanted, want) in [
            ("foo.*", None, "foo.x", Some("foo.x")),
            ("foo.*", Some("pre.foo.*"), "pre.foo.x", Some("foo.x")),
            ("foo.*", Some("pre.foo.*"), "pre.>", Some("foo.*")),
            ("foo.*", Some("pre.foo.*"), "foo.x", None),
            ("foo.*.*", Some("bar.$2.$1"), "bar.x.y", Some("foo.y.x")),
            ("foo.*.*", Some("bar.$2.$1"), "bar.x.*", Some("foo.*.x")),
            ("foo.>", Some("bar.>"), "bar.a.b", Some("foo.a.b")),
            ("foo.>", Some("bar.>"), "bar.a.>", Some("foo.a.>")),
        ] {
            let import = StreamImport::new(&a, remote, to, false).unwrap();
            let got = import.remote_for(wanted.as_bytes());
            assert_eq!(
                got.as_deref(),
                want.map(str::as_bytes),
                "{remote} as {to:?}, {wanted}"
            );
        }
    }
}
