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
    /// How many subscriptions would a message reach? Asked by people.
    Subscribers,
    /// The same, asked by another server.
    SubscriberCount,
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
