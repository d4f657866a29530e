//! Where a message goes, and where messages come from: mappings and imports, account by account.

use nats_jwt::chain::check_import;
use nats_jwt::claims::{AccountClaims, ExportType, Import};
use nats_proto::subject;
use nats_proto::transform::{
    Destination, Mappings, Selection, Transform, TransformError, both_ways,
};
use serde::Serialize;

use crate::error::Result;
use crate::workspace::Workspace;

/// Places on one trail.
const PLACES_MAX: usize = 1_000;

/// An account, and a subject or a pattern in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its name, or its public key when it is not in the store.
    pub account: String,
    pub subject: String,
    /// True for every message; otherwise for the part that a mapping sends this way.
    pub always: bool,
}

/// What was found on the way.
pub(super) struct Trail<'a> {
    workspace: &'a mut Workspace,
    pub places: Vec<Place>,
    pub notes: Vec<String>,
}

impl<'a> Trail<'a> {
    pub fn new(workspace: &'a mut Workspace) -> Self {
        Self {
            workspace,
            places: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Takes note of a place; false when the trail was there already.
    fn reach(&mut self, account: &str, subject: String, always: bool) -> bool {
        let known = |place: &&mut Place| place.account == account && place.subject == subject;
        if let Some(place) = self.places.iter_mut().find(known) {
            place.always |= always;
            return false;
        }
        if self.places.len() >= PLACES_MAX {
            return false;
        }
        self.places.push(Place {
            account: account.to_owned(),
            subject,
            always,
        });
        true
    }

    /// A message on `name` in this account.
    pub fn send(
        &mut self,
        account: &str,
        claims: &AccountClaims,
        name: &str,
        always: bool,
    ) -> Result {
        let mapped = Mapped::of(claims, name);
        self.notes.extend(mapped.note);
        for (subject, percent) in mapped.to {
            let always = always && percent == 100;
            if !self.reach(account, subject.clone(), always) {
                continue;
            }
            let mut working = Vec::new();
            for import in imports_of(claims, ExportType::Service) {
                let Ok(ways) = Ways::of(import) else { continue };
                if !subject::matches(subject.as_bytes(), ways.local.as_bytes()) {
                    continue;
                }
                let remote = ways.there(&subject);
                let Some(next) = self.follow(claims, import, &mut working, "leads to", &remote)?
                else {
                    continue;
                };
                self.send(&next.account, &next.claims, &remote, always && next.certain)?;
            }
        }
        Ok(())
    }

    /// A subscription to `pattern` in this account.
    pub fn bring(
        &mut self,
        account: &str,
        claims: &AccountClaims,
        pattern: &str,
        always: bool,
    ) -> Result {
        if !self.reach(account, pattern.to_owned(), always) {
            return Ok(());
        }
        let mut working = Vec::new();
        for import in imports_of(claims, ExportType::Stream) {
            let Ok(ways) = Ways::of(import) else { continue };
            let Some(overlap) = subject::overlap(pattern.as_bytes(), ways.local.as_bytes()) else {
                continue;
            };
            let overlap = String::from_utf8_lossy(&overlap).into_owned();
            let remote = match overlap == ways.local {
                true => import.subject.clone(),
                false => ways.there(&overlap),
            };
            let Some(next) = self.follow(claims, import, &mut working, "brings from", &remote)?
            else {
                continue;
            };
            self.bring(&next.account, &next.claims, &remote, always && next.certain)?;
        }
        Ok(())
    }

    /// The exporter, when the import works. `working` are those of this kind that are known to.
    fn follow<'i>(
        &mut self,
        importer: &AccountClaims,
        import: &'i Import,
        working: &mut Vec<&'i Import>,
        verb: &str,
        remote: &str,
    ) -> Result<Option<Next>> {
        let store = self.workspace.store()?;
        let found = store.account_of_key(&mut self.workspace.files, &import.account)?;
        let Some(exporter) = found else {
            self.notes.push(format!(
                "import {:?} {verb} account {}, which is not in this store",
                import.name, import.account
            ));
            return Ok(None);
        };
        let its = self.workspace.account(&exporter)?;
        let twin = |other: &&Import| {
            other.account == import.account && other.exporter_subject() == import.exporter_subject()
        };
        let now = self.workspace.now();
        let why = match check_import(import, &importer.subject, &its, now) {
            Ok(_) if working.iter().any(twin) => "it is imported already".to_owned(),
            Ok(_) => {
                working.push(import);
                self.notes.push(format!(
                    "import {:?} {verb} account {exporter:?} as {remote:?}",
                    import.name
                ));
                let certain = !self.comes_back(importer, import)?;
                if !certain {
                    self.notes.push(format!(
                        "import {:?} is part of a circle: servers leave out the import of the account that they load last",
                        import.name
                    ));
                }
                return Ok(Some(Next {
                    account: exporter,
                    claims: its,
                    certain,
                }));
            }
            Err(error) => error.to_string(),
        };
        self.notes.push(format!(
            "import {:?} {verb} account {exporter:?}, but it does not work: {why}",
            import.name
        ));
        Ok(None)
    }
}

/// An account to which the trail leads.
struct Next {
    account: String,
    claims: AccountClaims,
    /// False when servers may leave the import out.
    certain: bool,
}

impl Trail<'_> {
    /// Whether what this import carries comes back to the importer by imports of the exporter, directly or not.
    fn comes_back(&mut self, importer: &AccountClaims, import: &Import) -> Result<bool> {
        let store = self.workspace.store()?;
        let now = self.workspace.now();
        let mut seen: Vec<(String, String)> = Vec::new();
        let mut open = vec![(import.account.clone(), import.exporter_subject().to_owned())];
        while let Some(place) = open.pop() {
            if seen.contains(&place) || seen.len() >= PLACES_MAX {
                continue;
            }
            let (account, subject) = &place;
            let found = store.account_of_key(&mut self.workspace.files, account)?;
            let claims = match found {
                Some(name) => self.workspace.account(&name)?,
                None => continue,
            };
            for further in imports_of(&claims, import.kind) {
                let meets =
                    |ways: Ways| subject::collides(ways.local.as_bytes(), subject.as_bytes());
                if !Ways::of(further).is_ok_and(meets) {
                    continue;
                }
                let exporter = store.account_of_key(&mut self.workspace.files, &further.account)?;
                let works = match exporter {
                    Some(name) => {
                        let its = self.workspace.account(&name)?;
                        check_import(further, &claims.subject, &its, now).is_ok()
                    }
                    None => false,
                };
                if works && further.account == importer.subject {
                    return Ok(true);
                }
                if works {
                    let subject = further.exporter_subject().to_owned();
                    open.push((further.account.clone(), subject));
                }
            }
            seen.push(place);
        }
        Ok(false)
    }
}

/// What the mappings of an account make of a subject.
pub(super) struct Mapped {
    /// Where the message goes, with the percentage of the messages. What is not in here goes nowhere.
    pub to: Vec<(String, u8)>,
    /// The mapping that says so.
    pub note: Option<String>,
}

impl Mapped {
    pub fn of(claims: &AccountClaims, name: &str) -> Self {
        let mut mappings = Mappings::new();
        for (from, to) in &claims.nats.mappings {
            let to: Vec<_> = to
                .iter()
                .map(|to| Destination {
                    subject: to.subject.clone(),
                    weight: to.percent(),
                    cluster: to.cluster.clone(),
                })
                .collect();
            // As servers do: a mapping that cannot be made is none.
            let _is_none = mappings.add(from, &to);
        }
        let Some((from, all)) = mappings.possibilities(name.as_bytes(), "") else {
            return Self {
                to: vec![(name.to_owned(), 100)],
                note: None,
            };
        };
        let (mut to, mut words) = (Vec::new(), Vec::new());
        for (percent, selection) in all {
            let subject = match selection {
                Selection::Through { transform, random } => {
                    let mapped = transform.apply_matched(name.as_bytes(), random);
                    String::from_utf8_lossy(&mapped).into_owned()
                }
                Selection::Lost => {
                    words.push(format!("nowhere ({percent}%)"));
                    continue;
                }
                Selection::Unmapped | Selection::Unchanged => name.to_owned(),
            };
            words.push(format!("{subject} ({percent}%)"));
            to.push((subject, percent));
        }
        let from = from.to_text();
        let note = format!("mapping {from:?} sends it to {}", words.join(", "));
        Self {
            to,
            note: Some(note),
        }
    }
}

fn imports_of(claims: &AccountClaims, kind: ExportType) -> impl Iterator<Item = &Import> {
    let imports = claims.nats.imports.iter();
    imports.filter(move |import| import.kind == kind)
}

/// An import's pattern in the importing account, and the way from there to the exporter's subject.
struct Ways {
    local: String,
    to_remote: Option<Transform>,
}

impl Ways {
    fn of(import: &Import) -> std::result::Result<Self, TransformError> {
        let remote = import.exporter_subject();
        let local = match (import.kind, &*import.local_subject, &*import.to) {
            (_, local, _) if !local.is_empty() => local.to_owned(),
            (ExportType::Stream, _, to) if !to.is_empty() => {
                format!("{}.{remote}", to.trim_end_matches('.'))
            }
            _ => import.subject.clone(),
        };
        if local == remote {
            return Ok(Self {
                local,
                to_remote: None,
            });
        }
        let (_, back) = both_ways(remote, &local)?;
        Ok(Self {
            local: back.source().to_text().into_owned(),
            to_remote: Some(back),
        })
    }

    /// What `local`, which this import's pattern covers, is in the exporting account.
    fn there(&self, local: &str) -> String {
        let remote = self
            .to_remote
            .as_ref()
            .map(|back| back.apply_matched(local.as_bytes(), 0));
        remote.map_or_else(
            || local.to_owned(),
            |remote| String::from_utf8_lossy(&remote).into_owned(),
        )
    }
}
