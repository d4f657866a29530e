//! Service imports: a request published here is answered by another account.

use std::sync::{Arc, Weak};

use nats_api::system::ClientInfo;
use nats_api::system::client::REQUEST_INFO_HEADER;
use nats_proto::header::block as header;
use nats_proto::transform::{Transform, TransformError};

use super::latency::Sampling;
use super::responses::{Asked, Responses};
use super::{Cycle, Handler, Message, Origin, Service, to_all};
use crate::account::{Account, Mapped, both_ways};
use crate::interest::Sub;
use crate::limits::IMPORT_HOPS_MAX;
use crate::options::ResponseType;

/// What the exporter says about its service.
#[derive(Debug, Clone)]
pub struct ServiceExport {
    pub response: ResponseType,
    /// How long an answer may take.
    pub threshold: std::time::Duration,
    pub latency: Option<Sampling>,
    pub allow_trace: bool,
}

/// The door from one account to a service of another.
pub struct ServiceImport {
    importer: Weak<Account>,
    exporter: Weak<Account>,
    /// From the subject here to the subject there; `None` keeps it.
    transform: Option<Transform>,
    /// Where it is offered here.
    subject: Box<[u8]>,
    /// Tell the exporter everything about who asks.
    share: bool,
    export: Arc<ServiceExport>,
    /// Answers on their way back to other accounts; one per exporter.
    responses: Arc<Responses>,
}

impl ServiceImport {
    /// # Errors
    /// When `local` cannot be turned into `remote`.
    pub fn new(
        importer: &Arc<Account>,
        exporter: &Arc<Account>,
        local: &str,
        remote: &str,
        share: bool,
        export: Arc<ServiceExport>,
        responses: Arc<Responses>,
    ) -> Result<Self, TransformError> {
        let transform = match local == remote {
            true => None,
            false => Some(both_ways(remote, local)?.1),
        };
        let subject = match &transform {
            Some(back) => back.source().as_bytes().into(),
            None => local.as_bytes().into(),
        };
        Ok(Self {
            importer: Arc::downgrade(importer),
            exporter: Arc::downgrade(exporter),
            transform,
            subject,
            share,
            export,
            responses,
        })
    }

    /// The subscription that puts the service into the importer's subjects.
    pub fn subscription(self: Arc<Self>) -> Arc<Sub> {
        let subject = self.subject.clone();
        Arc::new(Sub::new(&subject, None, b"", Handler::target(self)))
    }

    /// Who asks, as the exporter may know it.
    fn requestor(
        &self,
        from: &Origin<'_>,
        importer: &Account,
        msg: &Message<'_>,
        hops: usize,
    ) -> Option<ClientInfo> {
        if hops > 1
            && let Some(told) = header::find_value(msg.header(), REQUEST_INFO_HEADER.as_bytes())
            && let Ok(mut info) = serde_json::from_slice::<ClientInfo>(told)
        {
            // An import before this one has said who it is.
            info.svc = importer.name.to_string();
            return Some(info);
        }
        from.receiver?.client_info(self.share)
    }
}

impl Service for ServiceImport {
    fn receive(
        &self,
        cx: &mut Cycle,
        from: &Origin<'_>,
        _sub: &Arc<Sub>,
        msg: &Message<'_>,
    ) -> bool {
        let (Some(importer), Some(exporter)) = (self.importer.upgrade(), self.exporter.upgrade())
        else {
            return false;
        };
        if cx.hops >= IMPORT_HOPS_MAX {
            return false;
        }
        cx.hops += 1;
        let hops = cx.hops;
        let delivered = self.forward(cx, from, msg, &importer, &exporter, hops);
        cx.hops -= 1;
        delivered
    }
}

impl ServiceImport {
    fn forward(
        &self,
        cx: &mut Cycle,
        from: &Origin<'_>,
        msg: &Message<'_>,
        importer: &Arc<Account>,
        exporter: &Arc<Account>,
        hops: usize,
    ) -> bool {
        let translated = self
            .transform
            .as_ref()
            .map(|t| t.apply_matched(msg.subject, cx.random()));
        let subject = translated.as_deref().unwrap_or(msg.subject);
        let mapped = match exporter.mapped(subject, "", cx.random()) {
            Mapped::Same => None,
            Mapped::To(other) => Some(other),
            Mapped::Lost => return false,
        };
        let subject = mapped.as_deref().unwrap_or(subject);
        let info = self.requestor(from, importer, msg, hops);
        let payload = with_request_info(msg, info.as_ref());
        let header_len = payload.len() - msg.body().len();
        let sample = self
            .export
            .latency
            .as_ref()
            .and_then(|l| l.sample(msg.header(), cx.random()));
        let reply = match msg.reply {
            Some(reply) => {
                let asked = Asked {
                    importer: Arc::downgrade(importer),
                    reply: reply.into(),
                    response: self.export.response,
                    threshold: self.export.threshold,
                    requestor: info.clone(),
                    sample,
                };
                match self.responses.expect(asked, cx.random()) {
                    Some(mine) => Some(mine),
                    None => return false,
                }
            }
            None => {
                if let Some(sample) = sample {
                    sample.bad_request(cx, exporter, info);
                }
                None
            }
        };
        let inner = Origin {
            account: exporter,
            receiver: from.receiver,
        };
        // A trace goes on into the exporter's account only if that allows it.
        let mut stopped = None;
        if let Some(trace) = &mut cx.trace {
            trace.service_import(&exporter.name, msg.subject, subject);
            if !self.export.allow_trace {
                if trace.only {
                    return false;
                }
                stopped = cx.trace.take();
            }
        }
        let matched = exporter.interest.matches(subject);
        let request = Message::new(subject, reply.as_deref(), header_len, &payload);
        let own = std::mem::take(&mut cx.traffic);
        let delivered = to_all(cx, &inner, &matched, &request);
        exporter
            .traffic
            .add(&std::mem::replace(&mut cx.traffic, own));
        if stopped.is_some() {
            cx.trace = stopped;
        }
        if !delivered && let Some(reply) = &reply {
            self.responses.nobody_there(cx, reply);
        }
        delivered
    }
}

/// The payload with the one header that says who asks; what the client itself wrote there is taken out, in any spelling.
fn with_request_info(msg: &Message<'_>, info: Option<&ClientInfo>) -> Vec<u8> {
    let name = REQUEST_INFO_HEADER.as_bytes();
    let told = info
        .and_then(|info| serde_json::to_vec(info).ok())
        .and_then(|json| header::set(msg.header(), name, &json).ok());
    let mut block = match told {
        Some(block) => block,
        None => header::remove_all_spellings(msg.header(), name).into_owned(),
    };
    block.extend_from_slice(msg.body());
    block
}
