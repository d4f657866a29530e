//! Every token as an object: what it says, which key signed it, and what is wrong with it.

use nats_jwt::claims::{
    AccountClaims, AccountLimits, AnyClaims, Claims, JetStreamLimits, Limits, OperatorClaims,
    Payload, UserClaims, UserPermissionLimits,
};
use nats_jwt::nkey::PublicKey;
use nats_jwt::validate::Findings;

use super::{finish, note, plain};
use crate::error::Result;
use crate::text;
use crate::workspace::Workspace;

/// `generate diagram object`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Object {
    /// What is empty or unlimited as well, and the findings of validation
    #[arg(long)]
    pub detail: bool,
    /// Public keys as well, and whether their seeds are in the keystore
    #[arg(long)]
    pub show_keys: bool,
    /// Users as well
    #[arg(long)]
    pub users: bool,
    /// Where to write; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
}

/// Operator, accounts, signing keys and users as objects.
///
/// # Errors
/// When the store cannot be read, or the operator's token is damaged.
pub fn object(workspace: &mut Workspace, request: &Object) -> Result<String> {
    let operator = workspace.operator()?;
    let mut picture = Picture {
        workspace,
        request,
        lines: vec![
            "@startuml".to_owned(),
            format!("title Object Diagram - Operator {}", plain(&operator.name)),
        ],
    };
    picture.operator(&operator);
    for (at, name) in picture.workspace.accounts()?.into_iter().enumerate() {
        match picture.workspace.account(&name) {
            Ok(account) => picture.account(&operator, &name, &account)?,
            Err(error) => picture.damaged(&name, &format!("account_{at}"), &error.to_string()),
        }
    }
    let lines = picture.lines;
    finish(workspace, lines)
}

struct Picture<'a> {
    workspace: &'a mut Workspace,
    request: &'a Object,
    lines: Vec<String>,
}

impl Picture<'_> {
    fn operator(&mut self, operator: &OperatorClaims) {
        let mut object = self.begin(&operator.name, "operator", operator);
        let said = &operator.nats;
        object.always("JWT Version", said.version);
        object.text("Account Server", &said.account_server_url);
        object.text("Service URLs", &said.operator_service_urls.join(", "));
        object.always("Strict signing key usage", said.strict_signing_key_usage);
        object.findings(&operator.validate(self.workspace.now()));
        self.push(object);
        let keys = said.signing_keys.iter().map(|key| (key.as_str(), ""));
        let keys: Vec<(&str, &str)> = keys.collect();
        self.signing_keys(&operator.name, "operator", &operator.subject, &keys);
    }

    fn account(
        &mut self,
        operator: &OperatorClaims,
        name: &str,
        account: &AccountClaims,
    ) -> Result {
        let system = operator.nats.system_account == account.subject;
        let kind = if system { "system account" } else { "account" };
        let mut object = self.begin(name, kind, account);
        account_limits(&mut object, &account.nats.limits);
        let calls = &account.nats.authorization;
        if !calls.auth_users.is_empty() {
            object.always("Authorization by a service", "true");
            object.text("May place users in", &calls.allowed_accounts.join(", "));
        }
        let revoked = account.nats.revocations.iter().count();
        object.number(
            "Revoked Users",
            i64::try_from(revoked).unwrap_or(i64::MAX),
            0,
        );
        object.findings(&account.validate(self.workspace.now()));
        self.push(object);
        let keys = account.nats.signing_keys.iter();
        let keys: Vec<(&str, &str)> = keys
            .map(|(key, scope)| (key, scope.map_or("", |scope| scope.role.as_str())))
            .collect();
        self.signing_keys(name, "account", &account.subject, &keys);
        for (key, scope) in account.nats.signing_keys.iter() {
            if let Some(scope) = scope {
                self.scope(&account.subject, key, &scope.role, &scope.template);
            }
        }
        let signers = &operator.nats.signing_keys;
        let from = end_of(
            &operator.subject,
            &account.issuer,
            signers.contains(&account.issuer),
        );
        self.signed(&from, &account.subject);
        let about = &account.nats;
        note(
            &account.subject,
            &about.description,
            &about.info_url,
            &mut self.lines,
        );
        if !self.request.users {
            return Ok(());
        }
        for (at, user) in self.workspace.users(name)?.into_iter().enumerate() {
            match self.workspace.user(name, &user) {
                Ok(claims) => self.user(account, &user, &claims),
                Err(error) => {
                    let id = format!("{}_user_{at}", account.subject);
                    self.damaged(&user, &id, &error.to_string());
                }
            }
        }
        Ok(())
    }

    fn user(&mut self, account: &AccountClaims, name: &str, user: &UserClaims) {
        let mut object = self.begin(name, "user", user);
        let keys = &account.nats.signing_keys;
        let scope = keys.scope(&user.issuer);
        match scope {
            Some(scope) => object.always("Role", plain(&scope.role)),
            None => user_limits(&mut object, &user.nats.limits),
        }
        if account.is_revoked(user) {
            object.always("Revoked", true);
        }
        object.findings(&user.validate(self.workspace.now()));
        if !account.did_sign(&AnyClaims::User(user.clone())) {
            object.always("Errors", "not signed by a key of the account");
        }
        self.push(object);
        let by_signing_key = keys.iter().any(|(key, _)| key == user.issuer);
        let from = end_of(&account.subject, &user.issuer, by_signing_key);
        self.signed(&from, &user.subject);
    }

    /// What the users of a role may do.
    fn scope(&mut self, account: &str, key: &str, role: &str, template: &UserPermissionLimits) {
        let mut object = Drawn::new(role, &format!("{key}_role"), "role", self.request.detail);
        user_limits(&mut object, template);
        self.push(object);
        let line = format!("{account}_sk::{key} *-- {key}_role");
        self.lines.push(line);
    }

    fn begin<N: Payload>(&self, name: &str, kind: &str, claims: &Claims<N>) -> Drawn {
        let mut object = Drawn::new(name, &claims.subject, kind, self.request.detail);
        if self.request.show_keys {
            object.always("Identity Key", &claims.subject);
            object.always("Identity Key Present", self.is_here(&claims.subject));
        }
        let when = |at: i64| match at {
            0 => "not set".to_owned(),
            at => text::date(at),
        };
        object.always("Issued At", when(claims.issued_at));
        if claims.not_before != 0 || self.request.detail {
            object.always("Valid From", when(claims.not_before));
        }
        if claims.expires != 0 || self.request.detail {
            object.always("Expires", when(claims.expires));
        }
        object
    }

    fn is_here(&self, key: &str) -> bool {
        let keystore = &self.workspace.keystore;
        PublicKey::parse(key).is_ok_and(|key| keystore.has(&self.workspace.files, &key))
    }

    fn push(&mut self, object: Drawn) {
        self.lines.push(object.end());
    }

    /// The signing keys of an operator or account: those who signed with one are linked to its line.
    fn signing_keys(&mut self, name: &str, kind: &str, owner: &str, keys: &[(&str, &str)]) {
        if keys.is_empty() {
            return;
        }
        let mut lines = vec![format!(
            "map \"{}\" as {owner}_sk <<{kind} signing keys>> {{",
            plain(name)
        )];
        lines.push("key => stored".to_owned());
        for (key, role) in keys {
            let role = match *role {
                "" => String::new(),
                role => format!(", role {}", plain(role)),
            };
            lines.push(format!("{key} => {}{role}", self.is_here(key)));
        }
        lines.push("}".to_owned());
        lines.push(format!("{owner} *-- {owner}_sk"));
        self.lines.append(&mut lines);
    }

    fn signed(&mut self, from: &str, to: &str) {
        self.lines.push(format!("{from} -- {to} : \"signed >\""));
    }

    /// A token that cannot be read.
    fn damaged(&mut self, name: &str, id: &str, error: &str) {
        let mut object = Drawn::new(name, id, "damaged", false);
        object.always("Errors", plain(error));
        self.push(object);
    }
}

/// Where a line of a signature begins: at the owner, or at one of its signing keys.
fn end_of(owner: &str, issuer: &str, is_signing_key: bool) -> String {
    if is_signing_key {
        format!("{owner}_sk::{issuer}")
    } else {
        owner.to_owned()
    }
}

/// An object of the picture.
struct Drawn {
    lines: Vec<String>,
    detail: bool,
}

impl Drawn {
    fn new(name: &str, id: &str, kind: &str, detail: bool) -> Self {
        let first = format!("object \"{}\" as {id} <<{kind}>> {{", plain(name));
        Self {
            lines: vec![first],
            detail,
        }
    }

    fn end(mut self) -> String {
        self.lines.push("}".to_owned());
        self.lines.join("\n")
    }

    fn always(&mut self, name: &str, value: impl std::fmt::Display) {
        self.lines.push(format!("{name} = {value}"));
    }

    /// A text that may be empty.
    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() || self.detail {
            self.always(name, plain(value));
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        self.text(name, &values.join(", "));
    }

    /// A switch that is mostly off.
    fn switch(&mut self, name: &str, value: bool) {
        if value || self.detail {
            self.always(name, value);
        }
    }

    /// A number; `usual` is the one that says nothing.
    fn number(&mut self, name: &str, value: i64, usual: i64) {
        if value == usual && !self.detail {
            return;
        }
        match value {
            ..0 => self.always(name, format!("{value} (unlimited)")),
            value => self.always(name, value),
        }
    }

    fn section(&mut self, title: &str) {
        if self.detail {
            self.lines.push(format!("--- {title} ---"));
        }
    }

    fn findings(&mut self, findings: &Findings) {
        if findings.is_empty() {
            if self.detail {
                self.section("Validation (no issues)");
            }
            return;
        }
        self.section("Validation");
        for error in findings.errors() {
            self.always("Errors", plain(error));
        }
        for warning in findings.warnings() {
            self.always("Warnings", plain(warning));
        }
    }
}

fn account_limits(object: &mut Drawn, limits: &AccountLimits) {
    object.section("Account Limits");
    object.number("Max Exports", limits.exports, -1);
    object.number("Max Imports", limits.imports, -1);
    object.number("Max Client Connections", limits.conn, -1);
    object.number("Max Leaf Node Connections", limits.leaf, -1);
    if !limits.wildcards || object.detail {
        object.always("Allow Wildcard Exports", limits.wildcards);
    }
    object.switch("Disallow bearer token", limits.disallow_bearer);
    let own = Limits {
        subs: limits.subs,
        data: limits.data,
        payload: limits.payload,
    };
    nats_limits(object, &own);
    if limits.tiered_limits.is_empty() {
        jetstream(object, "Jetstream Limits", &limits.jetstream);
    }
    for (tier, limits) in &limits.tiered_limits {
        jetstream(
            object,
            &format!("Jetstream Limits of {}", plain(tier)),
            limits,
        );
        object.always("Tier", plain(tier));
    }
}

fn nats_limits(object: &mut Drawn, limits: &Limits) {
    object.section("Nats Limits");
    object.number("Max Payload", limits.payload, -1);
    object.number("Max Subscriber", limits.subs, -1);
    object.number("Max Number of bytes", limits.data, -1);
}

fn jetstream(object: &mut Drawn, title: &str, limits: &JetStreamLimits) {
    object.section(title);
    object.number("Max Memory Storage", limits.mem_storage, 0);
    object.number("Max Disk Storage", limits.disk_storage, 0);
    if limits.mem_storage == 0 && limits.disk_storage == 0 {
        return;
    }
    object.number("Max Streams", limits.streams, -1);
    object.number("Max Consumer", limits.consumer, -1);
    // Of these 0 is no limit as well.
    for (name, value) in [
        ("Max Memory Stream", limits.mem_max_stream_bytes),
        ("Max Disk Stream", limits.disk_max_stream_bytes),
        ("Max Ack Pending", limits.max_ack_pending),
    ] {
        object.number(name, if value <= 0 { -1 } else { value }, -1);
    }
    object.switch("Max Bytes Required", limits.max_bytes_required);
}

fn user_limits(object: &mut Drawn, limits: &UserPermissionLimits) {
    object.switch("Bearer Token", limits.bearer_token);
    object.list("Allowed Connection Types", &limits.allowed_connection_types);
    let permissions = &limits.permissions;
    object.list("Publish", &permissions.publish.allow);
    object.list("Publish Denied", &permissions.publish.deny);
    object.list("Subscribe", &permissions.subscribe.allow);
    object.list("Subscribe Denied", &permissions.subscribe.deny);
    if let Some(response) = &permissions.response {
        object.always("Max Responses", response.max_messages);
        object.always("Response TTL", text::duration(response.expires_ns));
    }
    nats_limits(object, &limits.limits);
    object.section("User Limits");
    object.list("Permitted CIDR blocks", &limits.src);
    let times = limits.times.iter();
    let times: Vec<String> = times
        .map(|range| format!("{}-{}", range.start, range.end))
        .collect();
    object.list("Permitted Times to Connect", &times);
    object.text("Time Zone", &limits.times_location);
}
