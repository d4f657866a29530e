//! Services between accounts: the subscriptions that make them reachable, built from the options.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accounts::Table;
use crate::account::Account;
use crate::interest::Sub;
use crate::options::{self, ExportKind, ImportKind, Options, ResponseType};
use crate::router::{Alarm, Cycle, Responses, Sampling, ServiceExport, ServiceImport};

/// How long an answer may take when the exporter does not say.
const THRESHOLD: Duration = Duration::from_secs(120);

/// What stands in the accounts' interest so that services can be reached.
#[derive(Default)]
pub struct Services {
    placed: Vec<(Arc<Account>, Arc<Sub>)>,
    responses: Vec<(Arc<str>, Arc<Responses>)>,
    /// Rings when an answer is overdue.
    alarm: Arc<Alarm>,
}

impl Services {
    /// Takes out what stood there and puts in what the options say now. Requests under way keep their way back.
    pub fn rebuild(&mut self, options: &Options, table: &Table) {
        let old = std::mem::take(&mut self.placed);
        for account in &options.accounts {
            let Some(importer) = table.get(account.name.as_str()) else {
                continue;
            };
            for import in &account.imports {
                self.place(options, table, importer, import);
            }
        }
        for (account, sub) in old {
            account.interest.remove(&sub);
        }
    }

    /// Rings when an answer is overdue: time for [`Self::sweep`].
    pub fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }

    /// Ends overdue requests.
    pub fn sweep(&self, now: Instant) {
        for (_, responses) in self.responses.iter().filter(|(_, r)| !r.is_empty()) {
            let mut cx = Cycle::take(false);
            responses.sweep(&mut cx, now);
            cx.wake_all(None);
            cx.give_back();
        }
    }

    fn place(
        &mut self,
        options: &Options,
        table: &Table,
        importer: &Arc<Account>,
        import: &options::Import,
    ) {
        let ImportKind::Service { to, share } = &import.kind else {
            return;
        };
        let Some(exporter) = table.get(import.account.as_str()) else {
            return;
        };
        let export = Arc::new(export_of(options, import));
        let responses = self.responses_of(exporter);
        let made = ServiceImport::new(
            importer,
            exporter,
            to,
            &import.subject,
            *share,
            export,
            responses,
        );
        match made {
            Ok(service) => {
                let sub = Arc::new(service).subscription();
                importer.interest.insert(sub.clone());
                self.placed.push((importer.clone(), sub));
            }
            Err(e) => tracing::error!(
                "import of service {:?} from {} is left out: {e}",
                import.subject,
                import.account
            ),
        }
    }

    /// The way back out of an exporting account; made when it is first needed.
    fn responses_of(&mut self, exporter: &Arc<Account>) -> Arc<Responses> {
        let known = self
            .responses
            .iter()
            .find(|(name, _)| *name == exporter.name);
        if let Some((_, responses)) = known {
            return responses.clone();
        }
        let responses = Responses::new(exporter, self.alarm.clone());
        exporter.interest.insert(responses.subscription());
        self.responses
            .push((exporter.name.clone(), responses.clone()));
        responses
    }
}

/// What the exporter says about the imported service. The options were checked: there is such an export.
fn export_of(options: &Options, import: &options::Import) -> ServiceExport {
    let exporter = options.accounts.iter().find(|a| a.name == import.account);
    let mut found = exporter
        .into_iter()
        .flat_map(|a| &a.exports)
        .filter_map(|e| match &e.kind {
            ExportKind::Service {
                response,
                threshold,
                latency,
                allow_trace,
            } if nats_proto::subject::is_subset(
                import.subject.as_bytes(),
                e.subject.as_bytes(),
            ) =>
            {
                Some(ServiceExport {
                    response: *response,
                    threshold: threshold.unwrap_or(THRESHOLD),
                    latency: latency.as_ref().map(|l| Sampling {
                        subject: l.subject.as_str().into(),
                        which: l.sampling,
                    }),
                    allow_trace: *allow_trace,
                })
            }
            _ => None,
        });
    found.next().unwrap_or(ServiceExport {
        response: ResponseType::Single,
        threshold: THRESHOLD,
        latency: None,
        allow_trace: false,
    })
}
