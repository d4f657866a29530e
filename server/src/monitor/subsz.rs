//! `/subsz`.

use std::sync::Arc;

use nats_api::monitor::{DEFAULT_LIMIT, SubDetail, Subsz, SubszOptions};
use nats_proto::subject;

use super::view::View;
use super::{count, page_of};
use crate::interest::Sub;

/// The counts of the index and, when asked for, a page of subscriptions. The error is for the user who asked.
pub fn subsz(view: &dyn View, options: &SubszOptions) -> Result<Subsz, String> {
    let test = options.test.as_bytes();
    if !test.is_empty() && !subject::is_valid_literal(test) {
        let what = "invalid test subject, must be valid publish subject";
        return Err(format!("{what}: {}", options.test));
    }
    let mut page = Subsz {
        server_id: view.facts().id.clone(),
        now: view.now(),
        offset: options.offset.max(0),
        limit: if options.limit <= 0 {
            DEFAULT_LIMIT
        } else {
            options.limit
        },
        ..Subsz::default()
    };
    let mut found: Vec<(Arc<str>, Arc<Sub>)> = Vec::new();
    for account in view.accounts() {
        if !options.account.is_empty() && *account.name != *options.account {
            continue;
        }
        let stats = account.interest.stats();
        page.num_subscriptions = page
            .num_subscriptions
            .saturating_add(short(stats.subscriptions));
        page.num_inserts = page.num_inserts.saturating_add(stats.inserts);
        page.num_removes = page.num_removes.saturating_add(stats.removes);
        page.num_matches = page.num_matches.saturating_add(stats.matches);
        page.max_fanout = page.max_fanout.max(short(stats.max_fanout));
        if options.subscriptions {
            let subs = account.interest.all().into_iter();
            let wanted = subs.filter(|s| {
                s.receiver().is_some() && (test.is_empty() || subject::matches(test, &s.subject))
            });
            found.extend(wanted.map(|s| (account.name.clone(), s)));
        }
    }
    if options.subscriptions {
        // The index has no order; without one, pages would overlap.
        found.sort_by_cached_key(|(account, s)| {
            (
                account.clone(),
                s.receiver().map(|r| r.id),
                s.sid.as_bytes().to_vec(),
            )
        });
        page.total = count(found.len());
        let wanted = page_of(&found, page.offset, page.limit).iter();
        page.subscriptions_list = wanted.map(|(account, s)| in_account(s, account)).collect();
    }
    Ok(page)
}

fn in_account(sub: &Sub, account: &str) -> SubDetail {
    SubDetail {
        account: account.to_owned(),
        account_tag: account.to_owned(),
        ..sub_detail(sub)
    }
}

/// A subscription as its own connection's list shows it.
pub(crate) fn sub_detail(sub: &Sub) -> SubDetail {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    SubDetail {
        subject: text(&sub.subject),
        qgroup: sub.queue.as_deref().map(text).unwrap_or_default(),
        sid: text(sub.sid.as_bytes()),
        msgs: count(sub.delivered()),
        max: count(sub.max()),
        cid: sub.receiver().map_or(0, |r| r.id),
        ..SubDetail::default()
    }
}

fn short(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
