//! What can be asked, and on which subjects.

use nats_api::system::subjects;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// About this server.
    Server(ServerVerb),
    Reload,
    Kick,
    LameDuck,
    /// About the account that the subject names.
    Account(AccountVerb),
    /// About the use of all accounts.
    AllAccounts,
    /// From any account: who am I?
    UserInfo,
    /// From any account: its own connections, its own use.
    OwnConnz,
    OwnStatz,
    /// About the tokens of accounts.
    Claims(ClaimsAsk),
    /// How many subscriptions would a message reach? Asked by people.
    Subscribers,
    /// The same, asked by another server.
    SubscriberCount,
}

/// Requests about the tokens of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimsAsk {
    Update,
    Lookup,
    List,
    Delete,
    /// Tokens that the asker may not have.
    Pack,
    /// Tokens that another server sent because we asked.
    Merge,
}

/// Which of them a server answers: it depends on its resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimsScope {
    /// There are no tokens.
    Nothing,
    /// Only what is in use is kept up to date.
    Updates,
    /// What is in use is kept in a folder.
    Cache,
    /// Everything is kept in a folder.
    Full,
}

/// The last token of `$SYS.REQ.SERVER.<id>.<verb>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerVerb {
    Idz,
    Statsz,
    Varz,
    Subsz,
    Connz,
    Routez,
    Gatewayz,
    Leafz,
    Accountz,
    Jsz,
    Healthz,
    Profilez,
    Expvarz,
    Ipqueuesz,
    Raftz,
}

impl ServerVerb {
    /// In the order of [`subjects::SERVER_VERBS`].
    pub const ALL: [Self; 15] = [
        Self::Idz,
        Self::Statsz,
        Self::Varz,
        Self::Subsz,
        Self::Connz,
        Self::Routez,
        Self::Gatewayz,
        Self::Leafz,
        Self::Accountz,
        Self::Jsz,
        Self::Healthz,
        Self::Profilez,
        Self::Expvarz,
        Self::Ipqueuesz,
        Self::Raftz,
    ];
}

/// The last token of `$SYS.REQ.ACCOUNT.<account>.<verb>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountVerb {
    Subsz,
    Connz,
    Leafz,
    Jsz,
    Info,
    Statz,
    Conns,
}

impl AccountVerb {
    /// In the order of [`subjects::ACCOUNT_VERBS`].
    pub const ALL: [Self; 7] = [
        Self::Subsz,
        Self::Connz,
        Self::Leafz,
        Self::Jsz,
        Self::Info,
        Self::Statz,
        Self::Conns,
    ];
}

/// The subjects about tokens that the system account serves.
pub(crate) fn about_claims(scope: ClaimsScope, server_id: &str) -> Vec<(String, Ask)> {
    let any = |verb: &str| subjects::account_request("*", verb);
    let updates = vec![
        (any("CLAIMS.UPDATE"), ClaimsAsk::Update),
        (subjects::claims_update_old("*"), ClaimsAsk::Update),
    ];
    let kept = vec![
        (subjects::CLAIMS_UPDATE.to_owned(), ClaimsAsk::Update),
        (subjects::CLAIMS_LIST.to_owned(), ClaimsAsk::List),
        (subjects::CLAIMS_DELETE.to_owned(), ClaimsAsk::Delete),
    ];
    let full = vec![
        (any("CLAIMS.LOOKUP"), ClaimsAsk::Lookup),
        (subjects::CLAIMS_PACK.to_owned(), ClaimsAsk::Pack),
        (subjects::claims_pack_inbox(server_id), ClaimsAsk::Merge),
    ];
    let served = match scope {
        ClaimsScope::Nothing => Vec::new(),
        ClaimsScope::Updates => updates,
        ClaimsScope::Cache => [updates, kept].concat(),
        ClaimsScope::Full => [updates, kept, full].concat(),
    };
    served
        .into_iter()
        .map(|(subject, ask)| (subject, Ask::Claims(ask)))
        .collect()
}

/// The subjects that the system account serves.
pub(crate) fn in_system_account(server_id: &str) -> Vec<(String, Ask)> {
    let mut served = vec![
        (
            subjects::SERVER_PING.to_owned(),
            Ask::Server(ServerVerb::Statsz),
        ),
        (subjects::server_request(server_id, "RELOAD"), Ask::Reload),
        (subjects::server_request(server_id, "KICK"), Ask::Kick),
        (subjects::server_request(server_id, "LDM"), Ask::LameDuck),
        (subjects::account_ping("STATZ"), Ask::AllAccounts),
        (subjects::USER_INFO.to_owned(), Ask::UserInfo),
        (subjects::DEBUG_SUBSCRIBERS.to_owned(), Ask::Subscribers),
        (
            subjects::ACCOUNT_SUBSCRIPTION_COUNT.to_owned(),
            Ask::SubscriberCount,
        ),
    ];
    for (name, verb) in subjects::SERVER_VERBS.iter().zip(ServerVerb::ALL) {
        served.push((subjects::server_ping(name), Ask::Server(verb)));
        served.push((subjects::server_request(server_id, name), Ask::Server(verb)));
    }
    for (name, verb) in subjects::ACCOUNT_VERBS.iter().zip(AccountVerb::ALL) {
        served.push((subjects::account_request("*", name), Ask::Account(verb)));
    }
    served
}

/// The subjects that every other account can ask on, about itself.
pub(crate) fn in_every_account() -> Vec<(String, Ask)> {
    vec![
        (subjects::USER_INFO.to_owned(), Ask::UserInfo),
        (subjects::account_ping("CONNZ"), Ask::OwnConnz),
        (subjects::server_ping("CONNZ"), Ask::OwnConnz),
        (subjects::account_ping("STATZ"), Ask::OwnStatz),
    ]
}
