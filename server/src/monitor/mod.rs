//! The monitoring pages: what the server shows of itself over HTTP.
//!
//! What lives here: the pages as pure functions of a [`View`], the parameters they take, and the HTTP shell around them.
//! May call: `conn`, `account`, `interest`, `options` through the [`View`] that the server's wiring offers; `system` uses the
//! same pages as replies. Never happens here: a change of anything, a secret (tokens, passwords, bearer JWTs), a lock held
//! while something is written to a peer. The only lock guards the request counts. No debug variables and no profiles are
//! served on this port.
//! Start reading at [`Pages::answer`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod accountz;
mod connz;
mod healthz;
mod http;
mod index;
mod jetstream;
mod mesh;
mod pages;
mod query;
mod subsz;
mod varz;
mod view;

pub use accountz::{account_detail, account_stat, accountz, accstatz};
pub use connz::connz;
pub use healthz::healthz;
pub use http::{Listener, PagesTls, TlsSource, serve};
pub use jetstream::{jsz, jsz_account, varz as jetstream_varz};
pub use mesh::{gatewayz, ipqueuesz, leafz, routez};
pub use pages::{Page, Pages};
pub(crate) use subsz::sub_detail;
pub use subsz::subsz;
pub use varz::varz;
pub use view::{
    AccountToken, AccountView, ClientView, Figures, ServerFacts, TlsView, Totals, View, Who,
};

/// The part of a list that a request wants: `limit` entries after `offset`, whatever the numbers are.
fn page_of<T>(list: &[T], offset: i64, limit: i64) -> &[T] {
    let len = list.len();
    let start = usize::try_from(offset.max(0)).unwrap_or(len).min(len);
    let rest = list.get(start..).unwrap_or_default();
    let end = usize::try_from(limit.max(0))
        .unwrap_or(rest.len())
        .min(rest.len());
    rest.get(..end).unwrap_or_default()
}

/// Counts by kind of connection: in this build all are clients.
pub(crate) fn clients_only(clients: u64) -> nats_api::monitor::PerKind {
    nats_api::monitor::PerKind {
        clients,
        ..Default::default()
    }
}

/// A count as documents write it.
pub(crate) fn count<T: TryInto<i64>>(n: T) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
