//! `/subsz`.

use std::collections::HashMap;
use std::sync::Arc;

use nats_api::monitor::{DEFAULT_LIMIT, SubDetail, SublistStats, Subsz, SubszOptions};
use nats_proto::subject;

use super::view::View;
use super::{count, page_of};
use crate::interest::{InterestStats, Sub};

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
    let mut tags: HashMap<Arc<str>, Arc<str>> = HashMap::new();
    let mut sum = InterestStats::default();
    for account in view.accounts() {
        if !options.account.is_empty() && *account.name != *options.account {
            continue;
        }
        sum.add(&account.interest.stats());
        if options.subscriptions {
            let subs = account.interest.all().into_iter();
            let wanted = subs.filter(|s| {
                s.receiver().is_some() && (test.is_empty() || subject::matches(test, &s.subject))
            });
            found.extend(wanted.map(|s| (account.name.clone(), s)));
            let tag = account.name_tag.as_ref().unwrap_or(&account.name);
            tags.insert(account.name.clone(), tag.clone());
        }
    }
    let stats = sublist_stats(&sum);
    page.num_subscriptions = stats.num_subscriptions;
    page.num_cache = stats.num_cache;
    page.num_inserts = stats.num_inserts;
    page.num_removes = stats.num_removes;
    page.num_matches = stats.num_matches;
    page.cache_hit_rate = stats.cache_hit_rate;
    page.max_fanout = stats.max_fanout;
    page.avg_fanout = stats.avg_fanout;
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
        page.subscriptions_list = wanted
            .map(|(account, s)| in_account(s, account, tags.get(account).unwrap_or(account)))
            .collect();
    }
    Ok(page)
}

fn in_account(sub: &Sub, account: &str, tag: &str) -> SubDetail {
    SubDetail {
        account: account.to_owned(),
        account_tag: tag.to_owned(),
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

/// The figures of an index as documents write them.
///
/// The reference has one cache for each account, we have one for each publisher: the number of cached subjects and their fan-out
/// are sums over these, and a match is a question that a message asked, whoever answered it.
pub(super) fn sublist_stats(stats: &InterestStats) -> SublistStats {
    fn short<T: TryInto<u32>>(n: T) -> u32 {
        n.try_into().unwrap_or(u32::MAX)
    }
    SublistStats {
        num_subscriptions: short(stats.subscriptions),
        num_cache: short(stats.cached),
        num_inserts: stats.inserts,
        num_removes: stats.removes,
        num_matches: stats.matches,
        cache_hit_rate: stats.cache_hit_rate(),
        max_fanout: short(stats.max_fanout),
        avg_fanout: stats.average_fanout(),
    }
}
