//! From a path and its parameters to a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_api::monitor::*;
use parking_lot::Mutex;
use serde::Serialize;

use super::query::Query;
use super::view::View;
use super::{
    accountz, accstatz, connz, gatewayz, healthz, index, ipqueuesz, jsz, leafz, mesh, subsz, varz,
};
use crate::system::process::Process;

/// A page, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    /// Scripts of other sites may read it.
    pub shared: bool,
    pub body: Vec<u8>,
}

/// What a path leads to: the name under which requests are counted, if they are.
type Known = (Kind, Option<&'static str>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Varz,
    Connz,
    Routez,
    Gatewayz,
    Leafz,
    Subsz,
    Accountz,
    Accstatz,
    Jsz,
    Healthz,
    Ipqueuesz,
    Raftz,
    Stacksz,
    DebugVars,
}

fn known(path: &str) -> Option<Known> {
    Some(match path {
        "/" => (Kind::Root, Some("/")),
        "/varz" => (Kind::Varz, Some("/varz")),
        "/connz" => (Kind::Connz, Some("/connz")),
        "/routez" => (Kind::Routez, Some("/routez")),
        "/gatewayz" => (Kind::Gatewayz, Some("/gatewayz")),
        "/leafz" => (Kind::Leafz, Some("/leafz")),
        "/subsz" | "/subscriptionsz" => (Kind::Subsz, Some("/subsz")),
        "/accountz" => (Kind::Accountz, Some("/accountz")),
        "/accstatz" => (Kind::Accstatz, Some("/accstatz")),
        "/jsz" => (Kind::Jsz, Some("/jsz")),
        "/healthz" => (Kind::Healthz, Some("/healthz")),
        "/ipqueuesz" => (Kind::Ipqueuesz, None),
        "/raftz" => (Kind::Raftz, None),
        "/stacksz" => (Kind::Stacksz, None),
        "/debug/vars" => (Kind::DebugVars, None),
        _ => return None,
    })
}

/// All pages of one server.
pub struct Pages {
    view: Arc<dyn View>,
    process: Arc<Process>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
}

impl Pages {
    pub fn new(view: Arc<dyn View>, process: Arc<Process>) -> Self {
        Self {
            view,
            process,
            requests: Mutex::default(),
        }
    }

    pub fn view(&self) -> &Arc<dyn View> {
        &self.view
    }

    /// The page behind a path (without the base path's trailing slash) and a query.
    pub fn answer(&self, path: &str, query: &str) -> Page {
        let base = self.view.options().monitoring.base_path.clone();
        let Some((kind, counted)) = below(&base, path).and_then(known) else {
            return Page::refused(404, "404 page not found\n");
        };
        let query = Query::new(query);
        let page = self.page(kind, counted, &query, &base);
        page.unwrap_or_else(|text| Page::refused(400, &text))
    }

    /// Varz, over HTTP or as a reply.
    pub fn varz(&self) -> Varz {
        let requests = self
            .requests
            .lock()
            .iter()
            .map(|(page, n)| ((*page).to_owned(), *n))
            .collect();
        varz(self.view.as_ref(), self.process.usage(), requests)
    }

    fn page(
        &self,
        kind: Kind,
        counted: Option<&'static str>,
        q: &Query<'_>,
        base: &str,
    ) -> Result<Page, String> {
        let view = self.view.as_ref();
        // The pages below read their parameters before they count the request; the others count first.
        let late = matches!(kind, Kind::Connz | Kind::Routez);
        let count = || {
            if let Some(name) = counted {
                let mut requests = self.requests.lock();
                let n = requests.entry(name).or_default();
                *n = n.saturating_add(1);
            }
        };
        if !late {
            count();
        }
        Ok(match kind {
            Kind::Root => Page::html(index::page(base, &view.facts())),
            Kind::Varz => Page::json(&self.varz()),
            Kind::Connz => {
                let options = connz_options(q)?;
                count();
                Page::json(&connz(view, &options)?)
            }
            Kind::Routez => {
                q.subs()?;
                count();
                Page::json(&mesh::routez(view))
            }
            Kind::Gatewayz => {
                q.subs()?;
                q.bool("accs")?;
                Page::json(&gatewayz(view))
            }
            Kind::Leafz => {
                q.bool("subs")?;
                Page::json(&leafz(view))
            }
            Kind::Subsz => Page::json(&subsz(view, &subsz_options(q)?)?),
            Kind::Accountz => Page::json(&accountz(
                view,
                &AccountzOptions {
                    account: q.owned("acc"),
                },
            )?),
            Kind::Accstatz => {
                let include_unused = q.bool("unused")?;
                let options = AccountStatzOptions {
                    include_unused,
                    ..Default::default()
                };
                Page::json(&accstatz(view, &options))
            }
            Kind::Jsz => Page::json(&self.jsz(&jsz_options(q)?)?),
            Kind::Healthz => self.healthz(&healthz_options(q)?),
            Kind::Ipqueuesz => {
                q.bool("all")?;
                Page::json(&ipqueuesz())
            }
            Kind::Raftz => Page::refused(404, "No Raft nodes registered"),
            Kind::Stacksz => Page::refused(404, "Stacks are not available on this server\n"),
            Kind::DebugVars => Page::refused(404, "Debug variables are not served here\n"),
        })
    }

    fn jsz(&self, options: &JszOptions) -> Result<Jsz, String> {
        jsz(self.view.as_ref(), options).ok_or_else(|| "filtered response: not leader".into())
    }

    fn healthz(&self, options: &HealthzOptions) -> Page {
        if options.js_enabled {
            tracing::warn!("Healthcheck: js-enabled deprecated, use js-enabled-only instead");
        }
        let mut health = healthz(self.view.as_ref(), options);
        if !health.error.is_empty() {
            tracing::warn!("Healthcheck failed: {:?}", health.error);
        } else if !health.errors.is_empty() {
            tracing::warn!("Healthcheck failed: {} errors", health.errors.len());
        }
        let status = std::mem::take(&mut health.status_code);
        let body = serde_json::to_vec(&health).unwrap_or_default();
        Page {
            status,
            content_type: JSON,
            shared: true,
            body,
        }
    }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

impl Page {
    fn json(document: &impl Serialize) -> Self {
        // Our documents have string keys and finite numbers: writing them cannot fail.
        let body = serde_json::to_vec_pretty(document).unwrap_or_default();
        Self {
            status: 200,
            content_type: JSON,
            shared: true,
            body,
        }
    }

    fn html(text: String) -> Self {
        Self {
            status: 200,
            content_type: HTML,
            shared: false,
            body: text.into_bytes(),
        }
    }

    pub(super) fn refused(status: u16, text: &str) -> Self {
        Self {
            status,
            content_type: TEXT,
            shared: false,
            body: text.as_bytes().to_vec(),
        }
    }
}

/// The path below the base path, `/` for the base itself.
fn below<'a>(base: &str, path: &'a str) -> Option<&'a str> {
    let base = base.trim_end_matches('/');
    match path.strip_prefix(base)? {
        "" => Some("/"),
        rest if rest.starts_with('/') => Some(rest),
        _ => None,
    }
}

fn connz_options(q: &Query<'_>) -> Result<ConnzOptions, String> {
    let auth = q.bool("auth")?;
    let (subscriptions, subscriptions_detail) = q.subs()?;
    Ok(ConnzOptions {
        sort: q.owned("sort"),
        auth,
        subscriptions,
        subscriptions_detail,
        offset: q.int("offset")?,
        limit: q.int("limit")?,
        cid: q.uint("cid")?,
        state: q.state()?,
        mqtt_client: q.owned("mqtt_client"),
        user: q.owned("user"),
        acc: q.owned("acc"),
        // Only the system account may filter by subject.
        filter_subject: String::new(),
    })
}

fn subsz_options(q: &Query<'_>) -> Result<SubszOptions, String> {
    Ok(SubszOptions {
        subscriptions: q.bool("subs")?,
        offset: q.int("offset")?,
        limit: q.int("limit")?,
        account: q.owned("acc"),
        test: q.owned("test"),
    })
}

fn jsz_options(q: &Query<'_>) -> Result<JszOptions, String> {
    Ok(JszOptions {
        account: q.owned("acc"),
        accounts: q.bool("accounts")?,
        streams: q.bool("streams")?,
        consumer: q.bool("consumers")?,
        direct_consumer: q.bool("direct-consumers")?,
        config: q.bool("config")?,
        offset: q.int("offset")?,
        limit: q.int("limit")?,
        leader_only: q.bool("leader-only")?,
        raft: q.bool("raft")?,
        stream_leader_only: q.bool("stream-leader-only")?,
    })
}

fn healthz_options(q: &Query<'_>) -> Result<HealthzOptions, String> {
    Ok(HealthzOptions {
        js_enabled: q.bool("js-enabled")?,
        js_enabled_only: q.bool("js-enabled-only")?,
        js_server_only: q.bool("js-server-only")?,
        js_meta_only: q.bool("js-meta-only")?,
        details: q.bool("details")?,
        account: q.owned("account"),
        stream: q.owned("stream"),
        consumer: q.owned("consumer"),
    })
}
