//! The subjects below `$SYS`, written in one place.

/// Verbs of `$SYS.REQ.SERVER.<id>.<verb>` and `$SYS.REQ.SERVER.PING.<verb>`.
pub const SERVER_VERBS: [&str; 15] = [
    "IDZ",
    "STATSZ",
    "VARZ",
    "SUBSZ",
    "CONNZ",
    "ROUTEZ",
    "GATEWAYZ",
    "LEAFZ",
    "ACCOUNTZ",
    "JSZ",
    "HEALTHZ",
    "PROFILEZ",
    "EXPVARZ",
    "IPQUEUESZ",
    "RAFTZ",
];
/// Verbs of `$SYS.REQ.ACCOUNT.<account>.<verb>`.
pub const ACCOUNT_VERBS: [&str; 7] = ["SUBSZ", "CONNZ", "LEAFZ", "JSZ", "INFO", "STATZ", "CONNS"];

/// Every server answers with its statsz.
pub const SERVER_PING: &str = "$SYS.REQ.SERVER.PING";
/// In any account: who am I?
pub const USER_INFO: &str = "$SYS.REQ.USER.INFO";
/// In any account: how many subscriptions does this subject (and queue group) reach?
pub const DEBUG_SUBSCRIBERS: &str = "$SYS.DEBUG.SUBSCRIBERS";
/// Between servers: the same for one server.
pub const ACCOUNT_SUBSCRIPTION_COUNT: &str = "$SYS.REQ.ACCOUNT.NSUBS";
/// Refused clients, told to the account that they wanted.
pub const ACCOUNT_AUTH_ERROR: &str = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";

/// The token of any account is pushed.
pub const CLAIMS_UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";
/// Tokens that the asker (whose hash is the body) may not have.
pub const CLAIMS_PACK: &str = "$SYS.REQ.CLAIMS.PACK";
/// Which accounts have a token.
pub const CLAIMS_LIST: &str = "$SYS.REQ.CLAIMS.LIST";
/// Tokens are deleted; the body is a token of the operator that says which.
pub const CLAIMS_DELETE: &str = "$SYS.REQ.CLAIMS.DELETE";
/// An authorization service is asked, in its account.
pub const USER_AUTH: &str = "$SYS.REQ.USER.AUTH";

/// Where a server wants the answers to its [`CLAIMS_PACK`].
pub fn claims_pack_inbox(server_id: &str) -> String {
    format!("$SYS._INBOX.{server_id}.CLAIMS.PACK")
}

/// The token of this account is pushed, under its old name.
pub fn claims_update_old(account: &str) -> String {
    format!("$SYS.ACCOUNT.{account}.CLAIMS.UPDATE")
}

/// A request to one server. `verb` is one of [`SERVER_VERBS`], `RELOAD`, `KICK` or `LDM`.
pub fn server_request(server_id: &str, verb: &str) -> String {
    format!("$SYS.REQ.SERVER.{server_id}.{verb}")
}

/// A request to all servers.
pub fn server_ping(verb: &str) -> String {
    format!("$SYS.REQ.SERVER.PING.{verb}")
}

/// A request about one account. `*` stands for any when subscribing.
pub fn account_request(account: &str, verb: &str) -> String {
    format!("$SYS.REQ.ACCOUNT.{account}.{verb}")
}

/// A request about the asking account (`CONNZ`, `STATZ`), as each account imports it.
pub fn account_ping(verb: &str) -> String {
    format!("$SYS.REQ.ACCOUNT.PING.{verb}")
}

/// Where [`USER_INFO`] of an account is served.
pub fn user_info_of(account: &str) -> String {
    format!("$SYS.REQ.USER.{account}.INFO")
}

/// A client of the account logged in.
pub fn connect_event(account: &str) -> String {
    format!("$SYS.ACCOUNT.{account}.CONNECT")
}

/// A client of the account is gone.
pub fn disconnect_event(account: &str) -> String {
    format!("$SYS.ACCOUNT.{account}.DISCONNECT")
}

/// The number of the account's connections changed.
pub fn account_connections_event(account: &str) -> String {
    format!("$SYS.ACCOUNT.{account}.SERVER.CONNS")
}

/// The same under its old name.
pub fn account_connections_event_old(account: &str) -> String {
    format!("$SYS.SERVER.ACCOUNT.{account}.CONNS")
}

/// The heartbeat of a server.
pub fn statsz_event(server_id: &str) -> String {
    format!("$SYS.SERVER.{server_id}.STATSZ")
}

/// The server is going to leave.
pub fn lame_duck_event(server_id: &str) -> String {
    format!("$SYS.SERVER.{server_id}.LAMEDUCK")
}

/// The server leaves.
pub fn shutdown_event(server_id: &str) -> String {
    format!("$SYS.SERVER.{server_id}.SHUTDOWN")
}

/// A client was refused.
pub fn auth_error_event(server_id: &str) -> String {
    format!("$SYS.SERVER.{server_id}.CLIENT.AUTH.ERR")
}

/// A client was sent away because of its certificate.
pub fn ocsp_reject_event(server_id: &str) -> String {
    format!("$SYS.SERVER.{server_id}.OCSP.PEER.CONN.REJECT")
}

/// A certificate in a client's chain is not good.
pub fn ocsp_link_event(server_id: &str) -> String {
    format!("$SYS.SERVER.{server_id}.OCSP.PEER.LINK.INVALID")
}
