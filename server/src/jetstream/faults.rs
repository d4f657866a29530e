//! What is wrong with the storage of streams, told once when it begins and once when it is over: in the log and as an advisory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nats_api::jetstream::advisory::{ServerFault, StreamFault};
use nats_proto::nuid;

use super::JetStream;
use super::account::{JsAccount, StreamEntry};
use super::upkeep::PATIENCE;

/// Every stream is looked at in one pass out of so many; those known to be in trouble, or asked for a checkpoint, in each.
const LOOK_AT_ALL: u32 = 30;

/// Damage that no stream can tell of is told again after so many passes: nothing keeps what the system account hears, and who listens may come late.
const TELL_DAMAGE_AGAIN: u32 = 60;

/// Damaged places that are told, at most; all of them are in the log.
pub const DAMAGE_TOLD: usize = 20;

/// Account and stream.
pub type Name = (String, String);

/// Faults that were told.
#[derive(Default)]
pub struct Faults {
    told: BTreeMap<Name, String>,
    /// Streams that did not come back and whose account was told.
    lost: BTreeSet<Name>,
    passes: u32,
}

impl Faults {
    /// Looks at these streams and at those in trouble, now and then at all.
    pub fn look(&mut self, jetstream: &JetStream, among: BTreeSet<Name>) {
        // A log that fails concerns everybody.
        let all = self.passes.is_multiple_of(LOOK_AT_ALL) || jetstream.fault().is_some();
        if all {
            self.tell_lost(jetstream);
        }
        if self.passes.is_multiple_of(TELL_DAMAGE_AGAIN) {
            tell_damage(jetstream);
        }
        self.passes = self.passes.wrapping_add(1);
        let mut among = among;
        among.extend(self.told.keys().cloned());
        for account in jetstream.accounts() {
            let owner = &*account.account.name;
            for entry in account.all() {
                let name = (owner.to_owned(), entry.name.to_string());
                if all || among.contains(&name) {
                    self.check(jetstream, &account, &entry, &name);
                }
                among.remove(&name);
            }
        }
        // Streams that are no more.
        for gone in among {
            self.told.remove(&gone);
        }
    }

    /// Tells accounts of the streams that did not come back; the log has them since the start.
    fn tell_lost(&mut self, jetstream: &JetStream) {
        for lost in jetstream.lost() {
            let name = (lost.account, lost.stream);
            if !self.lost.contains(&name)
                && let Some(account) = jetstream.account(&name.0)
            {
                advise(jetstream, &account, &name.1, &lost.why);
                self.lost.insert(name);
            }
        }
    }

    fn check(
        &mut self,
        jetstream: &JetStream,
        account: &JsAccount,
        entry: &Arc<StreamEntry>,
        name: &Name,
    ) {
        // One that is busy is looked at again.
        let Some(fault) = entry
            .lane
            .with_soon(PATIENCE, |seat, _, _| seat.stream.fault())
        else {
            return;
        };
        let fault = fault.map(|fault| fault.to_string()).unwrap_or_default();
        let told = self.told.get(name).map(String::as_str).unwrap_or_default();
        if told == fault {
            return;
        }
        let shown = format!("{} > {}", name.0, name.1);
        match fault.is_empty() {
            true => tracing::info!("JetStream stream '{shown}' is well again"),
            false => tracing::error!("JetStream stream '{shown}': {fault}"),
        }
        advise(jetstream, account, &name.1, &fault);
        match fault.is_empty() {
            true => self.told.remove(name),
            false => self.told.insert(name.clone(), fault),
        };
    }
}

/// Tells the system account what is damaged beside the streams.
fn tell_damage(jetstream: &JetStream) {
    let Some(outlet) = &*jetstream.system.lock() else {
        return;
    };
    let settings = &jetstream.settings;
    for damage in jetstream.damage().iter().take(DAMAGE_TOLD) {
        let event = ServerFault {
            server: settings.server_name.clone(),
            server_id: settings.server_id.clone(),
            fault: damage.clone(),
            domain: settings.domain.clone().unwrap_or_default(),
            ..ServerFault::new(nuid::next().as_str(), std::time::SystemTime::now().into())
        };
        outlet.advise(&event.subject(), &event);
    }
}

fn advise(jetstream: &JetStream, account: &JsAccount, stream: &str, fault: &str) {
    let event = StreamFault {
        stream: stream.to_owned(),
        fault: fault.to_owned(),
        domain: jetstream.settings.domain.clone().unwrap_or_default(),
        ..StreamFault::new(nuid::next().as_str(), std::time::SystemTime::now().into())
    };
    account.outlet.advise(&event.subject(), &event);
}
