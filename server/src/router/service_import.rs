//! Service imports: a request published here is answered by another account.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use nats_api::system::ClientInfo;
use nats_api::system::client::REQUEST_INFO_HEADER;
use nats_proto::header::block as header;
use nats_proto::transform::{Transform, TransformError, both_ways};

use super::deliver::into_account;
use super::latency::Sampling;
use super::responses::{Asked, Responses};
use super::{Cycle, Handler, Message, Origin, Service};
use crate::account::{Account, Mapped};
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
        let Some(subject) = self.translate(cx, exporter, msg.subject) else {
            return false;
        };
        // A trace goes on into the exporter's account only if that allows it.
        let mut stopped = None;
        if let Some(trace) = &mut cx.trace {
            trace.service_import(&exporter.name, msg.subject, &subject);
            if !self.export.allow_trace {
                if trace.only {
                    return false;
                }
                stopped = cx.trace.take();
            }
        }
        let info = self.requestor(from, importer, msg, hops);
        let payload = with_request_info(msg, info.as_ref());
        let header_len = payload.len() - msg.body().len();
        let delivered = match self.way_back(cx, importer, exporter, msg, info) {
            Err(Overloaded) => false,
            Ok(reply) => {
                let request = Message::new(&subject, reply.as_deref(), header_len, &payload);
                let delivered = into_account(cx, from, exporter, &request);
                if !delivered && let Some(reply) = &reply {
                    self.responses.nobody_there(cx, reply);
                }
                delivered
            }
        };
        if stopped.is_some() {
            cx.trace = stopped;
        }
        delivered
    }

    /// The subject in the exporter's account, its mappings included; `None` when they drop the message.
    fn translate<'s>(
        &self,
        cx: &mut Cycle,
        exporter: &Account,
        subject: &'s [u8],
    ) -> Option<Cow<'s, [u8]>> {
        let there = match &self.transform {
            Some(t) => Cow::Owned(t.apply_matched(subject, cx.random())),
            None => Cow::Borrowed(subject),
        };
        match exporter.mapped(&there, "", cx.random()) {
            Mapped::Same => Some(there),
            Mapped::To(other) => Some(Cow::Owned(other)),
            Mapped::Lost => None,
        }
    }

    /// The reply subject that the exporter sees, for a request that wants an answer.
    fn way_back(
        &self,
        cx: &mut Cycle,
        importer: &Arc<Account>,
        exporter: &Arc<Account>,
        msg: &Message<'_>,
        requestor: Option<ClientInfo>,
    ) -> Result<Option<Vec<u8>>, Overloaded> {
        let latency = self.export.latency.as_ref();
        let sample = latency.and_then(|l| l.sample(msg.header(), cx.random()));
        let Some(reply) = msg.reply else {
            if let Some(sample) = sample {
                sample.bad_request(cx, exporter, requestor);
            }
            return Ok(None);
        };
        let asked = Asked {
            importer: Arc::downgrade(importer),
            reply: reply.into(),
            response: self.export.response,
            threshold: self.export.threshold,
            requestor,
            sample,
        };
        let mine = self.responses.expect(asked, cx.random());
        mine.map(Some).ok_or(Overloaded)
    }
}

/// Too many requests wait for their answers.
struct Overloaded;

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
