//! May a user do something, and which rule says so: decided from the tokens, in the order in which servers decide. The tokens of
//! accounts are those of the store, or those that servers have ([`let_servers_count`]).

use std::net::IpAddr;

use nats_jwt::cidr::Cidr;
use nats_jwt::claims::{
    AccountClaims, NO_LIMIT, Permission, Permissions, UserClaims, UserPermissionLimits,
};
use nats_jwt::times::{Admission, admission};
use nats_proto::subject;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::refuse;
use crate::remote::pull::Pulled;
use crate::workspace::Workspace;

mod trail;

pub use trail::Place;
use trail::{Mapped, Trail};

/// What the user wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Publish,
    Subscribe,
}

/// Where the rule that decides stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// In the user's own token, or in the account's about it (signatures, expiry, revocations).
    Claim,
    /// In the template of a scoped signing key.
    Scope,
    /// In the account's default permissions.
    Default,
    /// In a limit: networks, times of the day, kinds of connections, JetStream.
    Limit,
    /// Nowhere: nothing forbids it.
    Nothing,
}

/// What the decision may depend on besides user and subject.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// From which address the user comes.
    pub from: Option<IpAddr>,
    /// When, in seconds since 1970; now, when that is not said.
    pub at: Option<i64>,
    /// The kind of connection, as tokens have it (`STANDARD`, `WEBSOCKET`, …).
    pub connection_type: Option<String>,
    /// JetStream has to answer, on an inbox with this prefix.
    pub jetstream_inbox: Option<String>,
}

/// Whether it may, and what decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub allowed: bool,
    pub decided_by: Source,
    /// The rule that decides.
    pub rule: String,
    /// Where the message is then; for subscriptions, where messages come from. Begins in the user's account.
    pub places: Vec<Place>,
    /// Patterns on which a subscription will get nothing, whatever comes.
    pub withheld: Vec<String>,
    /// What else happens: where the message goes, what will not be delivered.
    pub notes: Vec<String>,
}

impl Verdict {
    fn denied(decided_by: Source, rule: impl Into<String>) -> Self {
        Self {
            allowed: false,
            decided_by,
            rule: rule.into(),
            places: Vec::new(),
            withheld: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn allowed(decided_by: Source, rule: impl Into<String>) -> Self {
        Self {
            allowed: true,
            ..Self::denied(decided_by, rule)
        }
    }
}

/// From here on the accounts are what servers have, not what the store has. Never commit this workspace. Yields how many there are.
///
/// # Errors
/// When nothing came, or an account has a name under which it cannot be filed.
pub fn let_servers_count(workspace: &mut Workspace, pulled: &Pulled) -> Result<usize> {
    let store = workspace.store()?;
    let mut count = 0usize;
    let mut why = None;
    for (_, token) in pulled {
        let claims = match token {
            Ok(token) => AccountClaims::decode(token).map_err(|e| e.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        match (claims, token) {
            (Ok(claims), Ok(token)) => {
                let known = store.account_of_key(&mut workspace.files, &claims.subject)?;
                let path = store.account_path(known.as_deref().unwrap_or(&claims.name))?;
                workspace.files.write(&path, token.as_bytes());
                count = count.saturating_add(1);
            }
            (Err(reason), _) => why = Some(reason),
            (Ok(_), Err(_)) => {}
        }
    }
    if count == 0 {
        let why = why.unwrap_or_else(|| "no account came".to_owned());
        return Err(Error::missing(format!("servers have no accounts: {why}"))
            .hint("hand them over: nsc push --all"));
    }
    Ok(count)
}

/// Decides for a user of the account named `account`.
///
/// # Errors
/// When the subject is none, or the store cannot be read.
pub fn simulate(
    workspace: &mut Workspace,
    account: &str,
    user: &UserClaims,
    action: Action,
    on: &str,
    circumstances: &Circumstances,
) -> Result<Verdict> {
    let (name, queue) = on
        .split_once(' ')
        .map_or((on, None), |(name, queue)| (name, Some(queue)));
    if !subject::is_valid(name.as_bytes())
        || action == Action::Publish && (queue.is_some() || subject::has_wildcard(name.as_bytes()))
    {
        refuse!("{on:?} is no subject for this");
    }
    let claims = workspace.account(account)?;
    let now = circumstances.at.unwrap_or(workspace.now());
    let limits = match admitted(workspace, account, &claims, user, now)? {
        Ok(limits) => limits,
        Err(rule) => return Ok(Verdict::denied(Source::Claim, rule)),
    };
    let mut notes = Vec::new();
    if let Err(rule) = may_connect(&limits, circumstances, now, &mut notes) {
        let rule = format!("the user may not connect: {rule}");
        return Ok(Verdict::denied(Source::Limit, rule));
    }
    if let Err(rule) = within(account, &claims, user, &limits, action, &mut notes) {
        return Ok(Verdict::denied(Source::Limit, rule));
    }
    for (whose, expires) in [("user's", user.expires), ("account's", claims.expires)] {
        if expires > 0 {
            notes.push(format!("the {whose} token expires {}", when(expires)));
        }
    }
    let rules = Rules::of(account, user, &claims, &limits);
    let mut verdict = match action {
        Action::Publish => rules.decide_mapped(Mapped::of(&claims, name), name),
        Action::Subscribe => rules.decide(action, name, queue),
    };
    if verdict.allowed {
        if let Some(inbox) = &circumstances.jetstream_inbox {
            verdict = with_jetstream(verdict, &rules, &claims, account, action, inbox);
        }
        if verdict.allowed {
            let mut trail = Trail::new(workspace);
            match action {
                Action::Publish => trail.send(account, &claims, name, true)?,
                Action::Subscribe => trail.bring(account, &claims, name, true)?,
            }
            let Trail { places, notes, .. } = trail;
            verdict.places = places;
            verdict.notes.extend(notes);
        }
    } else if action == Action::Publish && rules.permissions.response.is_some() {
        verdict.notes.push(
            "as an answer to a request that it received it may be published (allow responses)"
                .to_owned(),
        );
    }
    verdict.notes.extend(notes);
    Ok(verdict)
}

/// What the tokens alone say about whether the user may connect; otherwise the rule that keeps it out.
fn admitted(
    workspace: &mut Workspace,
    account: &str,
    claims: &AccountClaims,
    user: &UserClaims,
    now: i64,
) -> Result<std::result::Result<UserPermissionLimits, String>> {
    let operator = workspace.operator()?;
    if !operator.did_sign(claims) && !workspace.store()?.is_managed() {
        return Ok(Err(format!(
            "account {account:?} is not signed by the operator {:?}",
            operator.name
        )));
    }
    for (whose, findings) in [
        ("account's", claims.validate(now)),
        ("user's", user.validate(now)),
    ] {
        if findings.is_blocking(false) {
            let errors: Vec<_> = findings.errors().collect();
            let errors = errors.join("; ");
            return Ok(Err(format!("servers refuse the {whose} token: {errors}")));
        }
    }
    let strict = operator.nats.strict_signing_key_usage;
    let limits = claims.admit(user, strict, now);
    Ok(limits.map_err(|error| format!("the user may not connect: {error}")))
}

fn when(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}

/// Networks, times of the day, kinds of connections. What cannot be decided becomes a note.
fn may_connect(
    limits: &UserPermissionLimits,
    circumstances: &Circumstances,
    now: i64,
    notes: &mut Vec<String>,
) -> std::result::Result<(), String> {
    let words = &limits.allowed_connection_types;
    if !words.is_empty() {
        let list = words.join(", ");
        match &circumstances.connection_type {
            None => notes.push(format!("only with connections of these kinds: {list}")),
            Some(kind) if words.iter().any(|word| word.eq_ignore_ascii_case(kind)) => {}
            Some(kind) => {
                return Err(format!(
                    "{kind} is none of the allowed connection types {list}"
                ));
            }
        }
    }
    if !limits.src.is_empty() {
        let list = limits.src.join(", ");
        let within = |from: IpAddr| {
            // As servers do: a network that cannot be read lets nobody in.
            let networks: std::result::Result<Vec<Cidr>, _> =
                limits.src.iter().map(|text| text.parse()).collect();
            networks.is_ok_and(|networks| networks.iter().any(|one| one.contains(from)))
        };
        match circumstances.from {
            None => notes.push(format!("only from these networks: {list}")),
            Some(from) if within(from) => {}
            Some(from) => return Err(format!("{from} is in none of the source networks {list}")),
        }
    }
    if !limits.times.is_empty() {
        let list: Vec<_> = limits
            .times
            .iter()
            .map(|range| format!("{}-{}", range.start, range.end))
            .collect();
        let zone = match limits.times_location.as_str() {
            "" => "local time of the server",
            zone => zone,
        };
        let moment = jiff::Timestamp::from_second(now).map_err(|e| e.to_string())?;
        match admission(&limits.times, &limits.times_location, moment) {
            Admission::Never => {
                return Err(format!(
                    "{} is outside of {} ({zone})",
                    when(now),
                    list.join(", ")
                ));
            }
            Admission::Always => {}
            Admission::Until { left_ms } => notes.push(format!(
                "the times of the day {} ({zone}) end the connection in {} s",
                list.join(", "),
                left_ms / 1000
            )),
        }
    }
    Ok(())
}

/// How many connections and subscriptions, and how large messages, as user and account have it. What the server's own limits take
/// away is not known here.
fn within(
    account: &str,
    claims: &AccountClaims,
    user: &UserClaims,
    limits: &UserPermissionLimits,
    action: Action,
    notes: &mut Vec<String>,
) -> std::result::Result<(), String> {
    let of_account = &claims.nats.limits;
    // Servers take a negative number that is not -1 for 0.
    let number = |limit: i64| (limit != NO_LIMIT).then_some(limit.max(0));
    if number(of_account.conn) == Some(0) {
        let conn = of_account.conn;
        return Err(format!(
            "the user may not connect: account {account:?} has a limit of {conn} connections"
        ));
    }
    let whose = match claims.nats.signing_keys.scope(&user.issuer) {
        Some(scope) => format!("role {:?}", scope.role),
        None => "the user".to_owned(),
    };
    let smallest = |own: i64, accounts: i64| {
        let own = number(own).map(|limit| (limit, whose.clone()));
        let accounts = number(accounts).map(|limit| (limit, format!("account {account:?}")));
        [own, accounts].into_iter().flatten().min()
    };
    match (action, smallest(limits.limits.subs, of_account.subs)) {
        (_, Some((0, whose))) => {
            return Err(format!(
                "the user may not connect: {whose} has a limit of 0 subscriptions, with which servers close every connection"
            ));
        }
        (Action::Subscribe, Some((most, whose))) => {
            notes.push(format!("at most {most} subscriptions at once: {whose}"));
        }
        _ => {}
    }
    if let (Action::Publish, Some((most, whose))) =
        (action, smallest(limits.limits.payload, of_account.payload))
    {
        notes.push(format!("messages of at most {most} bytes: {whose}"));
    }
    Ok(())
}

/// The permissions that count for a user, and whose they are.
struct Rules<'a> {
    permissions: &'a Permissions,
    source: Source,
    whose: String,
}

impl<'a> Rules<'a> {
    fn of(
        account: &str,
        user: &UserClaims,
        claims: &'a AccountClaims,
        limits: &'a UserPermissionLimits,
    ) -> Self {
        let scope = claims.nats.signing_keys.scope(&user.issuer);
        let default = &claims.nats.default_permissions;
        let (permissions, source, whose) = match scope {
            Some(scope) if !limits.permissions.is_empty() => (
                &limits.permissions,
                Source::Scope,
                format!("role {:?}", scope.role),
            ),
            None if !limits.permissions.is_empty() => (
                &limits.permissions,
                Source::Claim,
                "the user's permissions".to_owned(),
            ),
            _ if !default.is_empty() => (
                default,
                Source::Default,
                format!("the default permissions of account {account:?}"),
            ),
            _ => (&limits.permissions, Source::Nothing, String::new()),
        };
        Self {
            permissions,
            source,
            whose,
        }
    }

    /// Servers map a message before they ask whether it may be published: what counts is where it goes. It is allowed when that holds
    /// for all of the messages.
    fn decide_mapped(&self, mapped: Mapped, name: &str) -> Verdict {
        let to = mapped.to.iter();
        let verdicts = to.map(|(subject, percent)| {
            let verdict = self.decide(Action::Publish, subject, None);
            (verdict, *percent)
        });
        let (allowed, denied): (Vec<_>, Vec<_>) = verdicts.partition(|(v, _)| v.allowed);
        let share: u32 = denied.iter().map(|(_, percent)| u32::from(*percent)).sum();
        let Some((mut verdict, _)) = denied.into_iter().next() else {
            let first = allowed.into_iter().next().map(|(verdict, _)| verdict);
            let lost = || Verdict::allowed(Source::Nothing, format!("{name:?} is mapped away"));
            return first.unwrap_or_else(lost);
        };
        if share < 100 {
            let note = format!("that is so for {share}% of the messages");
            verdict.notes.push(note);
        }
        verdict.notes.extend(mapped.note);
        verdict
    }

    fn decide(&self, action: Action, name: &str, queue: Option<&str>) -> Verdict {
        if self.source == Source::Nothing && queue != Some(RESERVED_QUEUE) {
            return Verdict::allowed(
                Source::Nothing,
                "neither user, role nor account have permissions: everything is allowed",
            );
        }
        let (permission, word) = match action {
            Action::Publish => (&self.permissions.publish, "pub"),
            Action::Subscribe => (&self.permissions.subscribe, "sub"),
        };
        // Whoever may answer publishes nothing else, unless a list says so.
        if action == Action::Publish
            && permission.allow.is_empty()
            && self.permissions.response.is_some()
        {
            let rule = format!(
                "{}: allow responses without a list of what else may be published",
                self.whose
            );
            return Verdict::denied(self.source, rule);
        }
        decide(permission, word, self.source, &self.whose, name, queue)
    }
}

/// The token by which a client tells its answers from those of others: random, so that no rule speaks of it.
const ANY_CLIENT: &str = "0000000000000000000000";

/// JetStream has to be there, and its answer has to arrive.
fn with_jetstream(
    verdict: Verdict,
    rules: &Rules<'_>,
    claims: &AccountClaims,
    account: &str,
    action: Action,
    inbox: &str,
) -> Verdict {
    if !claims.nats.limits.has_jetstream() {
        let rule = format!("account {account:?} has no JetStream: memory and disk storage are 0");
        return Verdict::denied(Source::Limit, rule);
    }
    if action == Action::Publish {
        // Clients have one subscription for the answers to all of their requests.
        let answers = format!("{inbox}.{ANY_CLIENT}.*");
        let hears = rules.decide(Action::Subscribe, &answers, None);
        if !hears.allowed {
            let rule = format!("the answer would not arrive: {}", hears.rule);
            return Verdict { rule, ..hears };
        }
    }
    let mut verdict = verdict;
    if action == Action::Publish {
        let answers = format!("{inbox}.>");
        let deny = rules.permissions.subscribe.deny.iter();
        let denied = deny.map(|text| Entry::of(text)).filter(|entry| {
            entry.is_of(None) && subject::collides(answers.as_bytes(), entry.pattern.as_bytes())
        });
        verdict.notes.extend(denied.map(|entry| {
            format!(
                "answers on {:?} will not be delivered: {}: deny sub",
                entry.text, rules.whose
            )
        }));
    }
    let limits = &claims.nats.limits;
    let tiers: Vec<&str> = limits.tiered_limits.keys().map(String::as_str).collect();
    verdict.notes.push(match tiers.as_slice() {
        [] => format!(
            "JetStream of account {account:?}: disk {}, memory {}, streams {}, consumers {} (-1 is no limit)",
            limits.jetstream.disk_storage,
            limits.jetstream.mem_storage,
            limits.jetstream.streams,
            limits.jetstream.consumer
        ),
        tiers => format!("JetStream of account {account:?} by tier: {}", tiers.join(", ")),
    });
    verdict
}

/// An entry of a list: a subject, for subscriptions perhaps with a queue.
struct Entry<'a> {
    text: &'a str,
    pattern: &'a str,
    queue: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn of(text: &'a str) -> Self {
        let (pattern, queue) = text
            .split_once(' ')
            .map_or((text, None), |(pattern, queue)| (pattern, Some(queue)));
        Self {
            text,
            pattern,
            queue,
        }
    }

    /// As servers look it up: a wildcard in the name is a token as any other, so that `*` matches `>`.
    fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut name) = (self.pattern.split('.'), name.split('.'));
        loop {
            match (pattern.next(), name.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(token)) if wanted == token => {}
                _ => return false,
            }
        }
    }

    fn covers(&self, name: &str) -> bool {
        subject::is_subset(name.as_bytes(), self.pattern.as_bytes())
    }

    /// An entry with a queue speaks of that queue only, which may have wildcards.
    fn is_of(&self, queue: Option<&str>) -> bool {
        match (self.queue, queue) {
            (None, _) => true,
            (Some(wanted), Some(queue)) => {
                wanted == queue || subject::is_subset(queue.as_bytes(), wanted.as_bytes())
            }
            (Some(_), None) => false,
        }
    }
}

/// The entry that allows it. As soon as an entry with a queue covers the name, a subscription in a queue needs one that names its own.
fn allowing<'a>(allow: &'a [String], name: &str, queue: Option<&str>) -> Option<Entry<'a>> {
    let all = || {
        allow
            .iter()
            .map(|text| Entry::of(text))
            .filter(|entry| entry.covers(name))
    };
    let by_queue = queue.is_some() && all().any(|entry| entry.queue.is_some());
    all().find(|entry| entry.queue.is_some() == by_queue && entry.is_of(queue))
}

/// The server's own queue group, which no user may join.
const RESERVED_QUEUE: &str = "_sys_";

fn decide(
    permission: &Permission,
    word: &str,
    source: Source,
    whose: &str,
    name: &str,
    queue: Option<&str>,
) -> Verdict {
    if queue == Some(RESERVED_QUEUE) {
        return Verdict::denied(Source::Limit, "the queue _sys_ is the servers' own");
    }
    let deny = || permission.deny.iter().map(|text| Entry::of(text));
    if let Some(entry) = deny().find(|entry| entry.matches(name) && entry.is_of(queue)) {
        return Verdict::denied(source, format!("{whose}: deny {word} {:?}", entry.text));
    }
    let mut verdict = if permission.allow.is_empty() {
        Verdict::allowed(
            source,
            format!("{whose}: {word} has no list of what is allowed"),
        )
    } else {
        match allowing(&permission.allow, name, queue) {
            Some(entry) => {
                Verdict::allowed(source, format!("{whose}: allow {word} {:?}", entry.text))
            }
            None => {
                let on = queue.map_or_else(String::new, |queue| format!(" in queue {queue:?}"));
                let rule = format!(
                    "{whose}: {name:?}{on} is in none of allow {word} {:?}",
                    permission.allow
                );
                return Verdict::denied(source, rule);
            }
        }
    };
    for entry in deny() {
        if entry.is_of(queue) && subject::collides(name.as_bytes(), entry.pattern.as_bytes()) {
            verdict.withheld.push(entry.pattern.to_owned());
            verdict.notes.push(format!(
                "messages on {:?} will not be delivered: {whose}: deny {word}",
                entry.text
            ));
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(allow: &[&str], deny: &[&str]) -> Permission {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Permission {
            allow: texts(allow),
            deny: texts(deny),
        }
    }

    #[test]
    fn the_rule_that_decides_is_named() {
        for (allow, deny, on, queue, allowed, rule) in [
            (
                &["a.>"][..],
                &[][..],
                "a.b",
                None,
                true,
                "allow pub \"a.>\"",
            ),
            (&["a.>"], &["a.b"], "a.b", None, false, "deny pub \"a.b\""),
            (&["a.>"], &[], "b", None, false, "none of allow pub"),
            (&[], &["x"], "b", None, true, "no list"),
            (&["q w"], &[], "q", Some("w"), true, "allow pub \"q w\""),
            (&["q w"], &[], "q", None, false, "none of"),
            (&["q *"], &[], "q", Some("any"), true, "allow pub \"q *\""),
            (&[], &["q w"], "q", Some("w"), false, "deny pub \"q w\""),
            // Queue entries that cover the subject are the only ones that count for queues.
            (&["q", "q w"], &[], "q", Some("other"), false, "in queue"),
            (&["q", "q w"], &[], "q", None, true, "allow pub \"q\""),
            (&["> v", "q"], &[], "q", Some("w"), false, "in queue"),
            // A wildcard in the name is a token for what is denied.
            (&[">"], &["*"], ">", None, false, "deny pub \"*\""),
            (&[], &["a.*"], "a.>", Some("w"), false, "deny pub \"a.*\""),
            (&[], &["a.*.c"], "a.>", None, true, "no list"),
            (&["*"], &[], ">", None, false, "none of"),
            (&[], &[], "q", Some("_sys_"), false, "servers' own"),
        ] {
            let verdict = decide(
                &permission(allow, deny),
                "pub",
                Source::Claim,
                "r",
                on,
                queue,
            );
            assert_eq!(verdict.allowed, allowed, "{on}");
            assert!(verdict.rule.contains(rule), "{}", verdict.rule);
        }
    }

    #[test]
    fn who_may_answer_publishes_nothing_else_unless_a_list_says_so() {
        let mut limits = UserPermissionLimits::unlimited();
        limits.permissions.response = Some(Default::default());
        let ask = |limits: &UserPermissionLimits, action| {
            let claims = AccountClaims::new("A");
            let rules = Rules::of("A", &UserClaims::new("U"), &claims, limits);
            rules.decide(action, "a", None).allowed
        };
        assert!(!ask(&limits, Action::Publish));
        assert!(ask(&limits, Action::Subscribe));
        limits.permissions.publish.allow = vec!["a".into()];
        assert!(ask(&limits, Action::Publish));
    }

    #[test]
    fn what_a_wildcard_will_not_get_is_noted() {
        let verdict = decide(
            &permission(&[], &["a.secret"]),
            "sub",
            Source::Claim,
            "r",
            "a.*",
            None,
        );
        assert!(verdict.allowed);
        assert_eq!(verdict.notes.len(), 1);
    }

    fn limits() -> UserPermissionLimits {
        let mut limits = UserPermissionLimits::unlimited();
        limits.src = vec!["10.0.0.0/8".into()];
        limits.allowed_connection_types = vec!["WEBSOCKET".into()];
        limits.times = vec![nats_jwt::claims::TimeRange {
            start: "08:00:00".into(),
            end: "18:00:00".into(),
        }];
        limits.times_location = "UTC".into();
        limits
    }

    #[test]
    fn networks_times_and_kinds_of_connections_decide_when_they_are_said() {
        // 1970-01-02 at noon and at midnight.
        let (noon, night) = (86_400 + 43_200, 86_400);
        for (from, at, kind, refused) in [
            ("10.1.2.3", noon, "websocket", None),
            ("11.1.2.3", noon, "websocket", Some("source networks")),
            (
                "10.1.2.3",
                night,
                "websocket",
                Some("outside of 08:00:00-18:00:00"),
            ),
            ("10.1.2.3", noon, "STANDARD", Some("connection types")),
        ] {
            let circumstances = Circumstances {
                from: Some(from.parse().expect("an address")),
                connection_type: Some(kind.to_owned()),
                ..Circumstances::default()
            };
            let verdict = may_connect(&limits(), &circumstances, at, &mut Vec::new());
            match refused {
                None => assert_eq!(verdict, Ok(()), "{from} {at} {kind}"),
                Some(why) => assert!(
                    verdict.is_err_and(|e| e.contains(why)),
                    "{from} {at} {kind}"
                ),
            }
        }
        let mut notes = Vec::new();
        may_connect(&limits(), &Circumstances::default(), noon, &mut notes).expect("not decided");
        assert_eq!(notes.len(), 3, "{notes:?}");
    }

    #[test]
    fn jetstream_must_be_there_and_its_answers_must_arrive() {
        let mut claims = AccountClaims::new("A");
        let user = UserClaims::new("U");
        let mut limits = UserPermissionLimits::unlimited();
        limits.permissions.subscribe.allow = vec!["_INBOX.till.>".into()];
        let ask = |claims: &AccountClaims, inbox: &str| {
            let rules = Rules::of("A", &user, claims, &limits);
            let verdict = rules.decide(Action::Publish, "orders.new", None);
            with_jetstream(verdict, &rules, claims, "A", Action::Publish, inbox)
        };
        let none = ask(&claims, "_INBOX.till");
        assert!(
            !none.allowed && none.decided_by == Source::Limit,
            "{none:?}"
        );
        claims.nats.limits.jetstream.disk_storage = -1;
        let deaf = ask(&claims, "_INBOX");
        assert!(
            !deaf.allowed && deaf.rule.contains("would not arrive"),
            "{deaf:?}"
        );
        let hears = ask(&claims, "_INBOX.till");
        assert!(hears.allowed, "{hears:?}");
    }
}
