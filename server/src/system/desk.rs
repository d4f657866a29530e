//! The desk where requests are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nats_api::errors::ApiError;
use nats_api::monitor::*;
use nats_api::system::requests::{
    AccountConnectionsRequest, ConnectionRequest, SubscriptionCountRequest,
};
use nats_api::system::server::JETSTREAM_FLAG;
use nats_api::system::{
    EventFilter, Reply, ReplyEncoding, ServerId, ServerInfo, UserInfo, read_request,
};
use nats_api::time::Nanos;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ask::{AccountVerb, Ask, ClaimsAsk, ServerVerb};
use super::process::Process;
use super::subscribers::Wanted;
use crate::monitor::{self, Pages, View};

/// What only the server can do.
pub trait Control: Send + Sync + 'static {
    /// Reads the configuration again. The error is for the user who asked.
    fn reload(&self) -> Result<(), String>;
    /// Closes a connection. False when there is none with this id.
    fn kick(&self, client: u64) -> bool;
    /// Tells one client to go elsewhere. The error is for the user who asked.
    fn send_away(&self, client: u64) -> Result<(), String>;
    /// Requests about the tokens of accounts: the answers, in their order. May block.
    fn claims(&self, ask: ClaimsAsk, request: &Request, server: ServerInfo) -> Vec<Vec<u8>>;
}

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub subject: String,
    /// Account of the one who asks.
    pub account: String,
    /// Connection of the one who asks.
    pub client: Option<u64>,
    pub body: Vec<u8>,
    pub encoding: ReplyEncoding,
}

/// What to send back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: the request is not meant for this server.
    Silence,
    Body(Vec<u8>),
    /// Several messages, in this order.
    Several(Vec<Vec<u8>>),
    /// A body that may be compressed as the request wished.
    Page(Vec<u8>),
}

/// Answers requests. Holds no state but the count of what was sent.
pub struct Desk {
    pub(super) view: Arc<dyn View>,
    pages: Arc<Pages>,
    pub(super) process: Arc<Process>,
    control: Arc<dyn Control>,
    sequence: AtomicU64,
}

/// Why a request gets no data: the error goes to the user, or nobody answers.
enum Refusal {
    Error(ApiError),
    Skip,
}

type Answered<T> = Result<T, Refusal>;

impl Desk {
    pub fn new(pages: Arc<Pages>, process: Arc<Process>, control: Arc<dyn Control>) -> Self {
        Self {
            view: pages.view().clone(),
            pages,
            process,
            control,
            sequence: AtomicU64::new(0),
        }
    }

    /// The answer to a request.
    pub fn answer(&self, ask: Ask, request: &Request) -> Answer {
        match ask {
            Ask::Server(ServerVerb::Idz) => self.idz(),
            Ask::Server(ServerVerb::Statsz) => self.statsz_request(request),
            Ask::Server(verb) => self.server(verb, request),
            Ask::Account(AccountVerb::Conns) => self.conns(request),
            Ask::Account(verb) => match request.subject.split('.').nth(3) {
                Some(account) => self.account(verb, account, request),
                None => Answer::Silence,
            },
            Ask::AllAccounts => self.reply(request, |o: &mut AccountStatzOptions| {
                self.use_of_accounts(o)
            }),
            Ask::OwnConnz => self.account(AccountVerb::Connz, &request.account, request),
            Ask::OwnStatz => self.account(AccountVerb::Statz, &request.account, request),
            Ask::UserInfo => self.user_info(request),
            Ask::Reload => self.act(request, || self.control.reload()),
            Ask::Kick => self.about_client(request, |id| match self.control.kick(id) {
                true => Ok(()),
                false => Err("no such client or leafnode id".into()),
            }),
            Ask::LameDuck => self.about_client(request, |id| self.control.send_away(id)),
            Ask::Claims(ask) => {
                Answer::Several(self.control.claims(ask, request, self.server_info()))
            }
            Ask::Subscribers => self.subscribers(request),
            Ask::SubscriberCount => self.subscriber_count(request),
        }
    }

    /// Who this server is, with the next sequence number.
    pub fn server_info(&self) -> ServerInfo {
        let (facts, options) = (self.view.facts(), self.view.options());
        let jetstream = self.view.jetstream().is_some();
        ServerInfo {
            name: facts.name.clone(),
            host: facts.host.clone(),
            id: facts.id.clone(),
            cluster: facts.cluster.clone(),
            ver: facts.version.clone(),
            tags: options.server_tags.clone(),
            metadata: options.server_metadata.clone(),
            feature_flags: options.feature_flags.clone(),
            domain: options.jetstream.domain.clone().unwrap_or_default(),
            jetstream,
            flags: if jetstream { JETSTREAM_FLAG } else { 0 },
            seq: self
                .sequence
                .fetch_add(1, Ordering::Relaxed)
                .saturating_add(1),
            time: self.view.now(),
        }
    }

    fn server(&self, verb: ServerVerb, request: &Request) -> Answer {
        let view = self.view.as_ref();
        match verb {
            ServerVerb::Idz | ServerVerb::Statsz => Answer::Silence,
            ServerVerb::Varz => self.reply(request, |_: &mut Value| Ok(self.pages.varz())),
            ServerVerb::Subsz => self.reply(request, |o| failed(monitor::subsz(view, o))),
            ServerVerb::Connz => self.reply(request, |o| failed(monitor::connz(view, o))),
            ServerVerb::Routez => {
                self.reply(request, |_: &mut RoutezOptions| Ok(monitor::routez(view)))
            }
            ServerVerb::Gatewayz => self.reply(request, |_: &mut GatewayzOptions| {
                Ok(monitor::gatewayz(view))
            }),
            ServerVerb::Leafz => {
                self.reply(request, |_: &mut LeafzOptions| Ok(monitor::leafz(view)))
            }
            ServerVerb::Accountz => self.reply(request, |o| failed(monitor::accountz(view, o))),
            ServerVerb::Jsz => self.reply(request, |o| monitor::jsz(view, o).ok_or(Refusal::Skip)),
            ServerVerb::Healthz => self.reply(request, |o| Ok(monitor::healthz(view, o))),
            ServerVerb::Profilez => self.reply(request, |o| Ok(profilez(o))),
            ServerVerb::Expvarz => self.reply(request, |_: &mut Value| Ok(self.expvarz())),
            ServerVerb::Ipqueuesz => {
                self.reply(request, |_: &mut IpqueueszOptions| Ok(monitor::ipqueuesz()))
            }
            ServerVerb::Raftz => self.reply(request, |_: &mut RaftzOptions| Ok(Raftz::new())),
        }
    }

    fn account(&self, verb: AccountVerb, account: &str, request: &Request) -> Answer {
        let view = self.view.as_ref();
        let name = || account.to_owned();
        match verb {
            AccountVerb::Conns => Answer::Silence,
            AccountVerb::Subsz => self.reply(request, |o: &mut SubszOptions| {
                o.subscriptions = true;
                o.account = name();
                failed(monitor::subsz(view, o))
            }),
            AccountVerb::Connz => self.reply(request, |o: &mut ConnzOptions| {
                o.acc = name();
                failed(monitor::connz(view, o))
            }),
            AccountVerb::Leafz => {
                self.reply(request, |_: &mut LeafzOptions| Ok(monitor::leafz(view)))
            }
            AccountVerb::Jsz => self.reply(request, |o: &mut JszOptions| {
                failed(monitor::jsz_account(view, account, o))
            }),
            AccountVerb::Info => self.reply(request, |_: &mut Value| {
                failed(monitor::account_detail(view, account))
            }),
            // The wildcard also catches the request for all accounts, which has an answer of its own.
            AccountVerb::Statz if account == "PING" => Answer::Silence,
            AccountVerb::Statz => self.reply(request, |o: &mut AccountStatzOptions| {
                o.accounts = vec![name()];
                self.use_of_accounts(o)
            }),
        }
    }

    fn use_of_accounts(&self, options: &AccountStatzOptions) -> Answered<AccountStatz> {
        let page = monitor::accstatz(self.view.as_ref(), options);
        if page.account_statz.is_empty() && !options.include_unused {
            return Err(Refusal::Skip);
        }
        Ok(page)
    }

    /// Reads options and filter, and sends what `make` makes of them in an envelope.
    fn reply<O, T>(&self, request: &Request, make: impl FnOnce(&mut O) -> Answered<T>) -> Answer
    where
        O: DeserializeOwned + Default,
        T: Serialize,
    {
        self.reply_if_any(request, |options| make(options).map(Some))
    }

    /// The same for what may have no data to show: then the envelope holds nothing but this server.
    fn reply_if_any<O, T>(
        &self,
        request: &Request,
        make: impl FnOnce(&mut O) -> Answered<Option<T>>,
    ) -> Answer
    where
        O: DeserializeOwned + Default,
        T: Serialize,
    {
        let made = match read_request::<O>(&request.body) {
            Ok((_, filter)) if !self.is_meant(&filter) => return Answer::Silence,
            Ok((mut options, _)) => make(&mut options),
            Err(error) => Err(Refusal::Error(ApiError::plain(400, error.to_string()))),
        };
        match made {
            Ok(data) => {
                let server = self.server_info();
                Answer::Page(document(&Reply {
                    server,
                    data,
                    error: None,
                }))
            }
            Err(Refusal::Skip) => Answer::Silence,
            Err(Refusal::Error(error)) => {
                Answer::Body(document(&Reply::<()>::error(self.server_info(), error)))
            }
        }
    }

    /// Whether the filter lets this server answer.
    fn is_meant(&self, filter: &EventFilter) -> bool {
        let (facts, options) = (self.view.facts(), self.view.options());
        let fits = |wanted: &str, ours: &str| match filter.exact_match {
            _ if wanted.is_empty() => true,
            true => wanted == ours,
            false => ours.contains(wanted),
        };
        let has = |tag: &String| {
            options
                .server_tags
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(tag))
        };
        fits(&filter.server_name, &facts.name)
            && fits(&filter.host, &facts.host)
            && fits(&filter.cluster, &facts.cluster)
            && filter.tags.iter().all(has)
            && (filter.domain.is_empty()
                || options.jetstream.domain.as_ref() == Some(&filter.domain))
    }

    fn idz(&self) -> Answer {
        let facts = self.view.facts();
        let id = ServerId {
            name: facts.name.clone(),
            host: facts.host.clone(),
            id: facts.id.clone(),
        };
        Answer::Body(document(&id))
    }

    fn statsz_request(&self, request: &Request) -> Answer {
        match read_request::<Value>(&request.body) {
            Ok((_, filter)) if !self.is_meant(&filter) => Answer::Silence,
            Ok(_) => Answer::Body(document(&self.statsz())),
            Err(error) => {
                let error = ApiError::plain(400, error.to_string());
                Answer::Body(document(&Reply::<()>::error(self.server_info(), error)))
            }
        }
    }

    fn conns(&self, request: &Request) -> Answer {
        let Some(account) = request.subject.split('.').nth(3) else {
            return Answer::Silence;
        };
        if !request.body.is_empty() {
            match serde_json::from_slice::<AccountConnectionsRequest>(&request.body) {
                Ok(wanted) if wanted.acc == account || wanted.acc.is_empty() => {}
                _ => return Answer::Silence,
            }
        }
        match self.view.account(account) {
            Some(account) if account.connections > 0 => {
                Answer::Body(document(&self.account_connections(&account)))
            }
            _ => Answer::Silence,
        }
    }

    fn user_info(&self, request: &Request) -> Answer {
        let Some(client) = request.client.and_then(|id| self.view.client(id)) else {
            return Answer::Silence;
        };
        let who = client.who();
        let account = who.account.as_deref().unwrap_or_default().to_owned();
        let left = |until: nats_api::time::Timestamp| {
            Nanos::from(std::time::Duration::from_secs(
                until.since(self.view.now()).as_secs(),
            ))
        };
        let info = UserInfo {
            user: who.user.clone(),
            account_name: match who.account_tag.is_empty() {
                true => account.clone(),
                false => who.account_tag.clone(),
            },
            account,
            user_name: who.name_tag.clone(),
            permissions: who.permissions.clone(),
            expires: who.expires.map(left).unwrap_or_default(),
        };
        Answer::Page(document(&Reply::data(self.server_info(), info)))
    }

    fn about_client(
        &self,
        request: &Request,
        act: impl FnOnce(u64) -> Result<(), String>,
    ) -> Answer {
        let wanted = match serde_json::from_slice::<ConnectionRequest>(&request.body) {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::error!(
                    "Error unmarshalling client request on {:?}: {error}",
                    request.subject
                );
                return Answer::Silence;
            }
        };
        self.act(request, || act(wanted.cid))
    }

    /// Does something, and says that it was done or why not.
    fn act(&self, request: &Request, act: impl FnOnce() -> Result<(), String>) -> Answer {
        self.reply_if_any(request, |_: &mut Value| failed(act()).map(|()| None::<()>))
    }

    fn subscribers(&self, request: &Request) -> Answer {
        let count = |interest: &crate::interest::Interest| {
            Wanted::from_words(&request.body).count(interest)
        };
        match self.view.account(&request.account) {
            Some(account) => Answer::Body(count(&account.interest).to_string().into_bytes()),
            None => Answer::Silence,
        }
    }

    fn subscriber_count(&self, request: &Request) -> Answer {
        let wanted = serde_json::from_slice::<SubscriptionCountRequest>(&request.body);
        let Ok(wanted) = wanted else {
            tracing::error!("Error unmarshalling account nsubs request message");
            return Answer::Silence;
        };
        match (
            self.view.account(&wanted.acc),
            Wanted::from_request(&wanted),
        ) {
            (Some(account), Some(what)) if account.connections > 0 => {
                Answer::Body(what.count(&account.interest).to_string().into_bytes())
            }
            _ => Answer::Silence,
        }
    }

    /// What may be known of the process. The command line is not told: it may hold a password.
    fn expvarz(&self) -> Expvarz {
        let usage = self.process.usage();
        Expvarz {
            memstats: json!({ "resident_bytes": usage.resident_bytes }),
            cmdline: json!([]),
        }
    }
}

/// Profiles are taken with tools of the operating system; here is none to give.
fn profilez(options: &ProfilezOptions) -> Profilez {
    let error = match options.name.as_str() {
        "" => "Profile name not specified".to_owned(),
        name => format!("Profile {name:?} not found"),
    };
    Profilez {
        profile: None,
        error,
    }
}

fn failed<T>(made: Result<T, String>) -> Answered<T> {
    made.map_err(|error| Refusal::Error(ApiError::plain(500, error)))
}

/// Our documents have string keys and finite numbers: writing them cannot fail.
pub(super) fn document(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}
