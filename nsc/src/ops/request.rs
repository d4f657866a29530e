//! What several requests have in common: times, permissions, limits of users, tags; and how they change claims.

use nats_jwt::claims::{
    AccountClaims, Claims, Payload, Permission, Permissions, ResponsePermission, Tags, TimeRange,
    UserPermissionLimits,
};

use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::text;
use crate::workspace::Workspace;

/// From when until when a token is good.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Times {
    /// Valid from: 0 (always), yyyy-mm-dd, #m(inutes), #h(ours), #d(ays), #w(eeks), #M(onths), #y(ears)
    #[arg(long, allow_hyphen_values = true, value_name = "TIME")]
    pub start: Option<String>,
    /// Valid until: 0 (always), yyyy-mm-dd, #m(inutes), #h(ours), #d(ays), #w(eeks), #M(onths), #y(ears)
    #[arg(long, allow_hyphen_values = true, value_name = "TIME")]
    pub expiry: Option<String>,
}

impl Times {
    pub fn is_empty(&self) -> bool {
        self.start.is_none() && self.expiry.is_none()
    }

    /// Sets what is given, and says so in `report`.
    ///
    /// # Errors
    /// When a time cannot be read.
    pub fn apply<N: Payload>(
        &self,
        claims: &mut Claims<N>,
        now: i64,
        report: &mut Report,
    ) -> Result {
        let words = |when: i64| {
            format!(
                "{} - {}",
                text::date(when),
                text::distance(when, now).to_lowercase()
            )
        };
        if let Some(start) = &self.start {
            claims.not_before = text::moment(start, now)?;
            report.ok(match claims.not_before {
                0 => "changed jwt start to not have a start date".to_owned(),
                when => format!("changed jwt valid start to {}", words(when)),
            });
        }
        if let Some(expiry) = &self.expiry {
            claims.expires = text::moment(expiry, now)?;
            report.ok(match claims.expires {
                0 => "changed jwt expiry to never expire".to_owned(),
                when => format!("changed jwt expiry to {}", words(when)),
            });
        }
        Ok(())
    }

    /// Sets what is given, without words.
    ///
    /// # Errors
    /// When a time cannot be read.
    pub fn set<N: Payload>(&self, claims: &mut Claims<N>, now: i64) -> Result {
        self.apply(claims, now, &mut Report::list())
    }
}

/// Labels to add and to remove.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TagChanges {
    /// Add tags - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    pub tag: Vec<String>,
    /// Remove tags - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    pub rm_tag: Vec<String>,
}

impl TagChanges {
    pub fn is_empty(&self) -> bool {
        self.tag.is_empty() && self.rm_tag.is_empty()
    }

    pub fn apply(&self, tags: &mut Tags, report: &mut Report) {
        for tag in &self.tag {
            tags.add(tag);
            report.ok(format!("added tag {:?}", tag.to_lowercase()));
        }
        for tag in &self.rm_tag {
            tags.remove(tag);
            report.ok(format!("removed tag {:?}", tag.to_lowercase()));
        }
        let mut all: Vec<String> = tags.iter().map(str::to_owned).collect();
        all.sort();
        *tags = all.iter().collect();
    }
}

/// Subjects that may and may not be used.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PermissionChanges {
    /// Allow publishing on subjects - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub allow_pub: Vec<String>,
    /// Allow subscribing to subjects, with a queue after a blank
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub allow_sub: Vec<String>,
    /// Allow publishing and subscribing
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub allow_pubsub: Vec<String>,
    /// Deny publishing on subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub deny_pub: Vec<String>,
    /// Deny subscribing to subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub deny_sub: Vec<String>,
    /// Lists that are named take the place of what there is, instead of being added
    #[arg(skip)]
    pub replace: bool,
    /// Deny publishing and subscribing
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub deny_pubsub: Vec<String>,
    /// Allow answers to requests that were received, this many each; 0 for none
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "1",
        allow_hyphen_values = true, value_name = "COUNT")]
    pub allow_pub_response: Option<i64>,
    /// The older form: how many answers are allowed; counts more
    #[arg(long, hide = true, allow_hyphen_values = true, value_name = "COUNT")]
    pub max_responses: Option<i64>,
    /// For how long answers are allowed: #ms, #s, #m, #h; without limit when not set
    #[arg(long, value_name = "DURATION")]
    pub response_ttl: Option<String>,
}

/// What is taken back of the permissions.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PermissionRemovals {
    /// Remove subjects from all permissions - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub rm: Vec<String>,
    /// Remove the permission to answer
    #[arg(long)]
    pub rm_response_perms: bool,
}

impl PermissionRemovals {
    pub fn is_empty(&self) -> bool {
        self.rm.is_empty() && !self.rm_response_perms
    }
}

impl PermissionChanges {
    pub fn is_empty(&self) -> bool {
        self.subjects().next().is_none()
            && self.allow_pub_response.is_none()
            && self.max_responses.is_none()
            && self.response_ttl.is_none()
    }

    fn subjects(&self) -> impl Iterator<Item = &String> {
        [
            &self.allow_pub,
            &self.allow_sub,
            &self.allow_pubsub,
            &self.deny_pub,
            &self.deny_sub,
            &self.deny_pubsub,
        ]
        .into_iter()
        .flatten()
    }

    fn check(&self) -> Result {
        for list in [
            &self.allow_pub,
            &self.allow_pubsub,
            &self.deny_pub,
            &self.deny_pubsub,
        ] {
            if let Some(subject) = list.iter().find(|subject| subject.contains(' ')) {
                refuse!("publish permission subject {subject:?} contains illegal space");
            }
        }
        for list in [&self.allow_sub, &self.deny_sub] {
            if let Some(subject) = list.iter().find(|subject| subject.matches(' ').count() > 1) {
                refuse!("subscribe permission subject {subject:?} can at most contain one space");
            }
        }
        for subject in self.subjects() {
            // Templates of scoped keys may hold blanks; those were checked above.
            let plain = subject.split(' ').next().unwrap_or_default();
            if !plain.contains("{{") && !nats_proto::subject::is_valid(plain.as_bytes()) {
                refuse!("{subject:?} is no subject");
            }
        }
        Ok(())
    }

    /// Changes permissions, and says so in `report`.
    ///
    /// # Errors
    /// When a subject or duration is none.
    pub fn apply(
        &self,
        gone: &PermissionRemovals,
        permissions: &mut Permissions,
        report: &mut Report,
    ) -> Result {
        self.check()?;
        if gone.rm_response_perms {
            permissions.response = None;
            report.ok("removed response permissions");
        }
        match self.max_responses.or(self.allow_pub_response) {
            // Servers read 0 as their default of one answer.
            Some(0) if permissions.response.take().is_some() => {
                report.ok("removed response permissions");
            }
            Some(0) => {}
            Some(count) => {
                response(permissions).max_messages = count;
                report.ok(format!("set max responses to {count}"));
            }
            None => {}
        }
        if let Some(ttl) = &self.response_ttl {
            let ns = text::duration_ns(ttl).map_err(Error::refused)?;
            response(permissions).expires_ns = ns;
            report.ok(format!("set response ttl to {}", text::duration(ns)));
        }
        if self.replace {
            self.clear_named(permissions);
        }
        let lists = |permission: &mut Permission,
                     word: &str,
                     allow: [&Vec<String>; 2],
                     deny: [&Vec<String>; 2],
                     report: &mut Report| {
            change(&mut permission.allow, word, allow, &gone.rm, report);
            change(
                &mut permission.deny,
                &format!("deny {word}"),
                deny,
                &gone.rm,
                report,
            );
        };
        lists(
            &mut permissions.publish,
            "pub",
            [&self.allow_pub, &self.allow_pubsub],
            [&self.deny_pub, &self.deny_pubsub],
            report,
        );
        lists(
            &mut permissions.subscribe,
            "sub",
            [&self.allow_sub, &self.allow_pubsub],
            [&self.deny_sub, &self.deny_pubsub],
            report,
        );
        Ok(())
    }

    /// Empties the lists that are named.
    fn clear_named(&self, permissions: &mut Permissions) {
        let both = [&self.allow_pubsub, &self.deny_pubsub];
        for (list, given) in [
            (&mut permissions.publish.allow, [&self.allow_pub, both[0]]),
            (&mut permissions.publish.deny, [&self.deny_pub, both[1]]),
            (&mut permissions.subscribe.allow, [&self.allow_sub, both[0]]),
            (&mut permissions.subscribe.deny, [&self.deny_sub, both[1]]),
        ] {
            if given.iter().any(|list| !list.is_empty()) {
                list.clear();
            }
        }
    }
}

fn response(permissions: &mut Permissions) -> &mut ResponsePermission {
    permissions.response.get_or_insert_default()
}

fn change(
    list: &mut Vec<String>,
    word: &str,
    add: [&Vec<String>; 2],
    remove: &[String],
    report: &mut Report,
) {
    let before = list.clone();
    for subject in add.into_iter().flatten() {
        if !list.contains(subject) {
            list.push(subject.clone());
        }
        report.ok(format!("added {word} {subject:?}"));
    }
    for subject in remove {
        if list.contains(subject) {
            list.retain(|there| there != subject);
            report.ok(format!("removed {word} {subject:?}"));
        }
    }
    if *list != before {
        list.sort();
    }
}

/// Limits of a user or of a scoped signing key.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct UserLimits {
    /// Most subscriptions; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "COUNT")]
    pub subs: Option<i64>,
    /// Most bytes in all; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub data: Option<i64>,
    /// Largest message; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = text::number, value_name = "BYTES")]
    pub payload: Option<i64>,
    /// The token alone is enough, nothing has to be signed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub bearer: Option<bool>,
    /// Networks from which connections are accepted - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "CIDR")]
    pub source_network: Vec<String>,
    /// Remove networks
    #[arg(long, value_delimiter = ',', value_name = "CIDR")]
    pub rm_source_network: Vec<String>,
    /// Times of the day at which connections are accepted: hh:mm:ss-hh:mm:ss
    #[arg(long, value_name = "RANGE")]
    pub time: Vec<String>,
    /// Remove the time range that starts at hh:mm:ss
    #[arg(long, value_delimiter = ',', value_name = "START")]
    pub rm_time: Vec<String>,
    /// Time zone of the times, such as Europe/Rome
    #[arg(long, value_name = "ZONE")]
    pub locale: Option<String>,
    /// Kinds of connections: standard, websocket, leafnode, leafnode_ws, mqtt, mqtt_ws, in_process
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    pub conn_type: Vec<String>,
    /// Remove kinds of connections
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    pub rm_conn_type: Vec<String>,
    #[command(flatten)]
    pub permissions: PermissionChanges,
    #[command(flatten)]
    pub removals: PermissionRemovals,
}

const CONNECTION_TYPES: [&str; 7] = [
    "STANDARD",
    "WEBSOCKET",
    "LEAFNODE",
    "LEAFNODE_WS",
    "MQTT",
    "MQTT_WS",
    "IN_PROCESS",
];

impl UserLimits {
    pub fn is_empty(&self) -> bool {
        let lists = [
            &self.source_network,
            &self.rm_source_network,
            &self.time,
            &self.rm_time,
            &self.conn_type,
            &self.rm_conn_type,
        ];
        lists.iter().all(|list| list.is_empty())
            && [self.subs, self.data, self.payload]
                .iter()
                .all(Option::is_none)
            && self.bearer.is_none()
            && self.locale.is_none()
            && self.permissions.is_empty()
            && self.removals.is_empty()
    }

    /// Changes limits, and says so in `report`.
    ///
    /// # Errors
    /// When a value makes no sense.
    pub fn apply(&self, limits: &mut UserPermissionLimits, report: &mut Report) -> Result {
        if let Some(payload) = self.payload {
            limits.limits.payload = payload;
            report.ok(format!("changed max payload to {payload}"));
        }
        if let Some(data) = self.data {
            limits.limits.data = data;
            report.ok(format!("changed max data to {data}"));
        }
        if let Some(subs) = self.subs {
            limits.limits.subs = subs;
            report.ok(format!("changed max number of subs to {subs}"));
        }
        if let Some(bearer) = self.bearer {
            limits.bearer_token = bearer;
            report.ok(format!("changed bearer to {bearer}"));
        }
        self.connection_types(limits, report)?;
        self.networks(limits, report)?;
        self.times(limits, report)?;
        self.permissions
            .apply(&self.removals, &mut limits.permissions, report)
    }

    fn connection_types(&self, limits: &mut UserPermissionLimits, report: &mut Report) -> Result {
        let there = &mut limits.allowed_connection_types;
        for word in &self.conn_type {
            let word = connection_type(word, "")?;
            if !there.contains(&word) {
                there.push(word.clone());
            }
            report.ok(format!("added connection type {word}"));
        }
        for word in &self.rm_conn_type {
            let word = connection_type(word, "rm ")?;
            there.retain(|other| *other != word);
            report.ok(format!("removed connection type {word}"));
        }
        Ok(())
    }

    fn networks(&self, limits: &mut UserPermissionLimits, report: &mut Report) -> Result {
        for network in &self.source_network {
            if network.parse::<nats_jwt::cidr::Cidr>().is_err() {
                refuse!("{network:?} is not a network in CIDR notation, such as 192.0.2.0/24");
            }
            let network = network.to_lowercase();
            report.ok(format!("added src network {network}"));
            if !limits.src.contains(&network) {
                limits.src.push(network);
            }
        }
        for network in &self.rm_source_network {
            limits
                .src
                .retain(|other| !other.eq_ignore_ascii_case(network));
            report.ok(format!("removed src network {network}"));
        }
        if !(self.source_network.is_empty() && self.rm_source_network.is_empty()) {
            limits.src.sort();
        }
        Ok(())
    }

    fn times(&self, limits: &mut UserPermissionLimits, report: &mut Report) -> Result {
        if let Some(locale) = &self.locale {
            if !nats_jwt::times::is_time_zone(locale) {
                refuse!("{locale:?} is no time zone, such as Europe/Rome or UTC");
            }
            limits.times_location.clone_from(locale);
            report.ok(format!("changed locale to {locale:?}"));
        }
        for range in &self.time {
            let ends = range.split_once('-');
            let valid = |time: &str| nats_jwt::times::parse_time(time).is_some();
            let Some((start, end)) = ends.filter(|(start, end)| valid(start) && valid(end)) else {
                refuse!("require format: \"hh:mm:ss-hh:mm:ss\" got {range:?}");
            };
            report.ok(format!("added time range {start}-{end}"));
            limits.times.push(TimeRange {
                start: start.to_owned(),
                end: end.to_owned(),
            });
        }
        for start in &self.rm_time {
            let Some(at) = limits.times.iter().position(|range| range.start == *start) else {
                refuse!("no time range starts at {start:?}");
            };
            let gone = limits.times.remove(at);
            report.ok(format!("removed time range {}-{}", gone.start, gone.end));
        }
        Ok(())
    }
}

/// Refuses claims that make no sense, with the first finding.
///
/// # Errors
/// The first error that validation finds.
pub fn check_claims<N: nats_jwt::validate::Validate>(claims: &Claims<N>, now: i64) -> Result {
    match claims.validate(now).errors().next() {
        Some(text) => Err(Error::refused(text)),
        None => Ok(()),
    }
}

/// Refuses claims of an account that make less sense than those in the store: what was wrong before must not stop an edit that has
/// nothing to do with it, or that repairs something else.
///
/// # Errors
/// The first error that validation finds and that is not there already.
pub fn check_account(workspace: &mut Workspace, claims: &AccountClaims) -> Result {
    let now = workspace.now();
    let before = workspace
        .account(&claims.name)
        .map(|there| there.validate(now));
    let before: Vec<String> = before
        .iter()
        .flat_map(nats_jwt::validate::Findings::errors)
        .map(str::to_owned)
        .collect();
    let findings = claims.validate(now);
    match findings
        .errors()
        .find(|error| !before.iter().any(|there| there == error))
    {
        Some(text) => Err(Error::refused(text)),
        None => Ok(()),
    }
}

/// A kind of connection as tokens have it; `what` begins what is said of others.
///
/// # Errors
/// When there is none of this name.
pub fn connection_type(word: &str, what: &str) -> Result<String> {
    let upper = word.to_uppercase();
    if CONNECTION_TYPES.contains(&upper.as_str()) {
        return Ok(upper);
    }
    Err(
        Error::refused(format!("unknown {what}connection type {word}"))
            .hint(format!("known are {}", CONNECTION_TYPES.join(", "))),
    )
}
