//! Services between accounts: the subscriptions that make them reachable, built from the options.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::accounts::Table;
use crate::account::Account;
use crate::interest::Sub;
use crate::options::{self, ExportKind, ImportKind, ResponseType};
use crate::router::{Alarm, Cycle, Responses, Sampling, ServiceExport, ServiceImport};

/// How long an answer may take when the exporter does not say.
const THRESHOLD: Duration = Duration::from_secs(120);

/// Finds an account by name.
pub type Find<'a, 'f> = &'f dyn Fn(&str) -> Option<&'a options::Account>;

/// A subscription, and in which account it stands.
type Placed = (Arc<Account>, Arc<Sub>);

/// What stands in the accounts' interest so that services can be reached.
#[derive(Default)]
pub struct Services {
    /// By importing account.
    placed: BTreeMap<Arc<str>, Vec<Placed>>,
    /// By exporting account.
    responses: BTreeMap<Arc<str>, Arc<Responses>>,
    /// Rings when an answer is overdue.
    alarm: Arc<Alarm>,
}

impl Services {
    /// Takes out what stood there and puts in what these accounts import now. Requests under way keep their way back.
    pub fn rebuild(&mut self, accounts: &[options::Account], table: &Table) {
        let old = std::mem::take(&mut self.placed);
        let find = |name: &str| accounts.iter().find(|account| account.name == name);
        for account in accounts {
            self.place_all(account, &find, table);
        }
        remove(old.into_values().flatten());
    }

    /// The same for the imports of one account; `find` knows the others.
    pub fn renew<'a>(&mut self, account: &options::Account, find: Find<'a, '_>, table: &Table) {
        let old = self.placed.remove(account.name.as_str());
        self.place_all(account, find, table);
        remove(old.into_iter().flatten());
    }

    fn place_all<'a>(&mut self, account: &options::Account, find: Find<'a, '_>, table: &Table) {
        let Some(importer) = table.get(account.name.as_str()) else {
            return;
        };
        for import in &account.imports {
            self.place(find, table, importer, import);
        }
    }

    /// Rings when an answer is overdue: time for [`Self::sweep`].
    pub fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }

    /// Ends overdue requests.
    pub fn sweep(&self, now: Instant) {
        for responses in self.responses.values().filter(|r| !r.is_empty()) {
            let mut cx = Cycle::take(false);
            responses.sweep(&mut cx, now);
            cx.wake_all(None);
            cx.give_back();
        }
    }

    fn place<'a>(
        &mut self,
        find: Find<'a, '_>,
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
        let export = Arc::new(export_of(find(&import.account), import));
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
                let placed = self.placed.entry(importer.name.clone()).or_default();
                placed.push((importer.clone(), sub));
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
        let known = self.responses.get(&exporter.name);
        if let Some(responses) = known.filter(|known| known.lead_out_of(exporter)) {
            return responses.clone();
        }
        let responses = Responses::new(exporter, self.alarm.clone());
        exporter.interest.insert(responses.subscription());
        let ways: Weak<Responses> = Arc::downgrade(&responses);
        exporter.lead_back(ways);
        self.responses
            .insert(exporter.name.clone(), responses.clone());
        responses
    }
}

fn remove(old: impl Iterator<Item = Placed>) {
    for (account, sub) in old {
        account.interest.remove(&sub);
    }
}

/// What the exporter says about the imported service. The options were checked: there is such an export.
fn export_of(exporter: Option<&options::Account>, import: &options::Import) -> ServiceExport {
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
