//! How each kind of thing is asked for. Every method leaves alone what was given.

use std::ops::RangeInclusive;

use nats_jwt::claims::{Export, ExportType, Import, Latency, Sampling};
use nats_jwt::nkey::Kind;
use nats_jwt::validate::{INFO_LEN_MAX, info_url};
use nats_term::prompt::{Check, Prompt};

use crate::error::{Error, Result};
use crate::name;
use crate::ops::export;
use crate::ops::request::{TagChanges, Times};
use crate::remote::is_http;
use crate::workspace::Workspace;

/// Who asks, and what he knows.
pub struct Asker<'a> {
    pub workspace: &'a mut Workspace,
    pub prompt: &'a mut dyn Prompt,
}

impl Asker<'_> {
    pub fn confirm(&mut self, question: &str, default: bool, instead: &str) -> Result<bool> {
        Ok(self.prompt.confirm(question, default, instead)?)
    }

    /// A switch that is not on yet.
    pub fn switch(
        &mut self,
        slot: &mut bool,
        question: &str,
        default: bool,
        instead: &str,
    ) -> Result {
        *slot = *slot || self.confirm(question, default, instead)?;
        Ok(())
    }

    /// A choice that was not made yet.
    pub fn choice(
        &mut self,
        slot: &mut Option<bool>,
        question: &str,
        default: bool,
        instead: &str,
    ) -> Result {
        if slot.is_none() {
            *slot = Some(self.confirm(question, default, instead)?);
        }
        Ok(())
    }

    /// A text that may be left out.
    pub fn text(
        &mut self,
        slot: &mut Option<String>,
        question: &str,
        default: &str,
        instead: &str,
    ) -> Result {
        if slot.is_none() {
            let answer = self.prompt.input(question, default, instead)?;
            *slot = Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty());
        }
        Ok(())
    }

    /// A text that has to be one of a kind.
    pub fn valid(
        &mut self,
        slot: &mut Option<String>,
        question: &str,
        default: &str,
        instead: &str,
        check: Check<'_>,
    ) -> Result {
        if slot.is_none() {
            let answer = self.prompt.checked(question, default, instead, check)?;
            *slot = Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty());
        }
        Ok(())
    }

    /// The name of something new; `there` are those that are taken.
    pub fn new_name(&mut self, slot: &mut Option<String>, kind: &str, there: &[String]) -> Result {
        let check = |answer: &str| {
            let answer = answer.trim();
            name::checked(kind, answer).map_err(|error| error.to_string())?;
            if there.iter().any(|name| name == answer) {
                return Err(format!("{kind} {answer:?} exists already"));
            }
            Ok(())
        };
        self.valid(slot, &format!("{kind} name"), "", "--name", &check)
    }

    /// A text that stands already; only a different one is a change.
    pub fn changed(
        &mut self,
        slot: &mut Option<String>,
        question: &str,
        there: &str,
        instead: &str,
    ) -> Result {
        self.changed_to(slot, question, there, instead, &|_| Ok(()))
    }

    /// The same, where not every text will do.
    pub fn changed_to(
        &mut self,
        slot: &mut Option<String>,
        question: &str,
        there: &str,
        instead: &str,
        check: Check<'_>,
    ) -> Result {
        if slot.is_none() {
            let check = |answer: &str| match answer == there {
                true => Ok(()),
                false => check(answer),
            };
            let answer = self.prompt.checked(question, there, instead, &check)?;
            *slot = Some(answer).filter(|answer| answer != there);
        }
        Ok(())
    }

    /// A subject that is needed.
    pub fn required_subject(&mut self, slot: &mut String, question: &str, instead: &str) -> Result {
        if slot.is_empty() {
            let answer = self.prompt.checked(question, "", instead, &subject)?;
            answer.trim().clone_into(slot);
        }
        Ok(())
    }

    /// The name of a file that is there, or a URL.
    pub fn source(&mut self, slot: &mut Option<String>, question: &str, instead: &str) -> Result {
        if slot.is_none() {
            let places = &self.workspace.places;
            let check = |answer: &str| match answer.trim() {
                answer if is_http(answer) || places.expanded(answer).is_file() => Ok(()),
                answer => Err(format!("there is no file {answer:?}, and it is no URL")),
            };
            let answer = self.prompt.checked(question, "", instead, &check)?;
            *slot = Some(answer.trim().to_owned());
        }
        Ok(())
    }

    /// The name of a file that is there.
    pub fn file(&mut self, slot: &mut Option<String>, question: &str, instead: &str) -> Result {
        if slot.is_none() {
            let places = &self.workspace.places;
            let check = |answer: &str| match places.expanded(answer.trim()).is_file() {
                true => Ok(()),
                false => Err(format!("there is no file {answer:?}")),
            };
            let answer = self.prompt.checked(question, "", instead, &check)?;
            *slot = Some(answer.trim().to_owned());
        }
        Ok(())
    }

    /// What something is for, and where to read more about it.
    pub fn about(
        &mut self,
        (description, url): (&mut Option<String>, &mut Option<String>),
        what: &str,
        there: (&str, &str),
    ) -> Result {
        let short = |answer: &str| match answer.len() {
            0..=INFO_LEN_MAX => Ok(()),
            _ => Err(format!("it is longer than {INFO_LEN_MAX} bytes")),
        };
        let question = format!("{what} Description");
        self.changed_to(description, &question, there.0, "--description", &short)?;
        let link = |answer: &str| short(answer).and_then(|()| info_url(answer));
        self.changed_to(url, "Info url", there.1, "--info-url", &link)
    }

    /// Keys with commas between them.
    pub fn keys(
        &mut self,
        slot: &mut Vec<String>,
        question: &str,
        kind: Kind,
        instead: &str,
    ) -> Result {
        if slot.is_empty() {
            let workspace = &*self.workspace;
            let each = |answer: &str| {
                let mut words = answer.split(',').map(str::trim);
                words.try_for_each(|word| key_check(workspace, word, kind))
            };
            let answer = self.prompt.checked(question, "", instead, &each)?;
            let words = answer.split(',').map(str::trim);
            slot.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        Ok(())
    }

    /// Subjects of a permission, with commas between them.
    pub fn subjects(&mut self, slot: &mut Vec<String>, question: &str, instead: &str) -> Result {
        self.list(slot, question, instead, &|word| {
            // Behind a blank is a queue; what a template is worth is decided with its role.
            match word.contains("{{") {
                true => Ok(()),
                false => subject(word.split(' ').next().unwrap_or_default()),
            }
        })
    }

    /// Words with commas between them.
    pub fn list(
        &mut self,
        slot: &mut Vec<String>,
        question: &str,
        instead: &str,
        check: Check<'_>,
    ) -> Result {
        if !slot.is_empty() {
            return Ok(());
        }
        let each = |answer: &str| {
            let mut words = answer.split(',').map(str::trim);
            words.try_for_each(|word| if word.is_empty() { Ok(()) } else { check(word) })
        };
        let answer = self.prompt.checked(question, "", instead, &each)?;
        let words = answer.split(',').map(str::trim);
        slot.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        Ok(())
    }

    /// A figure that stands already; only a different one is a change.
    pub fn number(
        &mut self,
        slot: &mut Option<i64>,
        question: &str,
        there: i64,
        instead: &str,
    ) -> Result {
        self.number_of(slot, question, there, instead, -1..=i64::MAX)
    }

    /// The same, within bounds.
    pub fn number_of(
        &mut self,
        slot: &mut Option<i64>,
        question: &str,
        there: i64,
        instead: &str,
        bounds: RangeInclusive<i64>,
    ) -> Result {
        if slot.is_none() {
            let check = |answer: &str| match crate::text::number(answer)? {
                value if value == there || bounds.contains(&value) => Ok(()),
                _ if *bounds.end() == i64::MAX => Err(format!("it is at least {}", bounds.start())),
                _ => Err(format!("it is {} to {}", bounds.start(), bounds.end())),
            };
            let there_text = there.to_string();
            let answer = self
                .prompt
                .checked(question, &there_text, instead, &check)?;
            let value = crate::text::number(&answer).map_err(Error::refused)?;
            *slot = Some(value).filter(|value| *value != there);
        }
        Ok(())
    }

    /// One of a few words.
    pub fn one_of(&mut self, question: &str, options: &[&str], instead: &str) -> Result<String> {
        let answer = nats_term::prompt::one_of(self.prompt, question, options, instead)?;
        Ok(answer)
    }

    /// One of what is there; the only one is not asked for.
    pub fn pick(
        &mut self,
        question: &str,
        options: &[String],
        none: &str,
        instead: &str,
    ) -> Result<String> {
        match options {
            [] => Err(Error::missing(none)),
            [only] => Ok(only.clone()),
            _ => {
                let at = self.prompt.select(question, options, instead)?;
                Ok(options.get(at).cloned().unwrap_or_default())
            }
        }
    }

    /// Some of what is there.
    pub fn several(
        &mut self,
        question: &str,
        options: &[String],
        instead: &str,
    ) -> Result<Vec<String>> {
        let chosen = self.prompt.several(question, options, instead)?;
        Ok(chosen
            .into_iter()
            .filter_map(|at| options.get(at).cloned())
            .collect())
    }

    /// An account: the given one, else the user picks, the chosen one first.
    pub fn account(&mut self, slot: &mut Option<String>) -> Result<String> {
        let name = if slot.is_some() {
            self.workspace.account_name(slot.as_deref())?
        } else {
            let chosen = self.workspace.config.account.clone();
            let mut names = self.workspace.accounts()?;
            names.sort_by_key(|name| *name != chosen);
            let none = "there is no account yet; make one: nsc add account NAME";
            self.pick("select account", &names, none, "--account")?
        };
        *slot = Some(name.clone());
        Ok(name)
    }

    /// A user of an account.
    pub fn user(
        &mut self,
        account: &str,
        slot: &mut Option<String>,
        instead: &str,
    ) -> Result<String> {
        if slot.is_none() {
            let names = self.workspace.users(account)?;
            let none = format!("account {account:?} has no users; add one: nsc add user NAME");
            *slot = Some(self.pick("select user", &names, &none, instead)?);
        }
        Ok(slot.clone().unwrap_or_default())
    }

    /// An export of an account that fits.
    pub fn export(
        &mut self,
        account: &str,
        question: &str,
        fits: impl Fn(&Export) -> bool,
    ) -> Result<Export> {
        let claims = self.workspace.account(account)?;
        let exports: Vec<Export> = claims.nats.exports.into_iter().filter(fits).collect();
        let labels: Vec<String> = exports
            .iter()
            .map(|export| format!("[{}] {} - {}", export.kind, export.name, export.subject))
            .collect();
        let none = format!("account {account:?} doesn't have such exports");
        let label = self.pick(question, &labels, &none, "--subject")?;
        let at = labels.iter().position(|other| *other == label);
        at.and_then(|at| exports.into_iter().nth(at))
            .ok_or_else(|| Error::missing(none))
    }

    /// When it begins and ends to be good. `there` are the times that stand.
    pub fn times(&mut self, request: &mut Times, there: (i64, i64)) -> Result {
        let format =
            "0 is always, yyyy-mm-dd, #m(inutes), #h(ours), #d(ays), #w(eeks), #M(onths), #y(ears)";
        let shown = |at: i64| match at {
            0 => "0".to_owned(),
            at => crate::text::date(at),
        };
        let question = format!("valid from ({format})");
        let now = self.workspace.now();
        let check = |answer: &str| match crate::text::moment(answer.trim(), now) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let (from, until) = (shown(there.0), shown(there.1));
        self.changed_to(&mut request.start, &question, &from, "--start", &check)?;
        let question = "valid until (0 is always)";
        self.changed_to(&mut request.expiry, question, &until, "--expiry", &check)
    }

    /// Labels to add and to remove.
    pub fn tags(&mut self, request: &mut TagChanges, there: &[String]) -> Result {
        let any = |_: &str| Ok(());
        self.list(&mut request.tag, "tags to add, with commas", "--tag", &any)?;
        if request.rm_tag.is_empty()
            && !there.is_empty()
            && self.confirm("remove tags", false, "--rm-tag")?
        {
            request.rm_tag = self.several("select tags to remove", there, "--rm-tag")?;
        }
        Ok(())
    }

    /// A key: a new one, or one that the user has.
    pub fn key(&mut self, slot: &mut Option<String>, kind: Kind, instead: &str) -> Result {
        if slot.is_none() && !self.confirm(&format!("generate an {kind} nkey"), true, instead)? {
            let question = format!("path to an {kind} nkey or nkey");
            let workspace = &*self.workspace;
            let check = |answer: &str| match answer.trim() {
                "" => Err("an answer is needed".to_owned()),
                answer => key_check(workspace, answer, kind),
            };
            let answer = self.prompt.checked(&question, "", instead, &check)?;
            // Left out, it is generated.
            *slot = Some(answer.trim().to_owned())
                .filter(|answer| !answer.eq_ignore_ascii_case("generate"));
        }
        Ok(())
    }

    /// A key of a kind, by itself or by a name that [`given_key`](Workspace::given_key) need not know.
    pub fn named_key(
        &mut self,
        slot: &mut Option<String>,
        question: &str,
        kind: Kind,
        instead: &str,
    ) -> Result {
        if slot.is_none() {
            let names = self.workspace.accounts()?;
            let check = |answer: &str| match answer.trim() {
                "*" => Ok(()),
                answer if nats_jwt::nkey::is_public_key(answer, kind) => Ok(()),
                answer if kind == Kind::Account && names.iter().any(|name| name == answer) => {
                    Ok(())
                }
                answer => Err(format!(
                    "{answer:?} is no public key of this kind, and not *"
                )),
            };
            let answer = self.prompt.checked(question, "", instead, &check)?;
            *slot = Some(answer.trim().to_owned());
        }
        Ok(())
    }

    /// How a service is measured: what stands is offered. Whoever does not want it measured has it stopped.
    pub fn latency(
        &mut self,
        (subject, rate): (&mut Option<String>, &mut Option<String>),
        there: Option<&Latency>,
    ) -> Result<bool> {
        if subject.is_some() {
            return Ok(true);
        }
        if !self.confirm("track service latency", there.is_some(), "--latency")? {
            return Ok(false);
        }
        let sampled = match there.map(|there| there.sampling) {
            Some(Sampling::Percent(percent)) => percent.to_string(),
            _ => "header".to_owned(),
        };
        let results = there
            .map(|there| there.results.as_str())
            .unwrap_or_default();
        let question = "sampling percentage [1-100] or header";
        let rate_check = |answer: &str| sampling(answer);
        let subject_check = |answer: &str| self::subject(answer);
        if there.is_some() {
            self.changed_to(rate, question, &sampled, "--sampling", &rate_check)?;
        } else {
            self.valid(rate, question, &sampled, "--sampling", &rate_check)?;
        }
        let question = "latency metrics subject";
        self.changed_to(subject, question, results, "--latency", &subject_check)?;
        Ok(true)
    }

    /// How long something may take.
    pub fn duration(
        &mut self,
        slot: &mut Option<String>,
        question: &str,
        there: i64,
        instead: &str,
    ) -> Result {
        let check = |answer: &str| crate::text::duration_ns(answer).map(drop);
        let there = crate::text::duration(there);
        self.changed_to(slot, question, &there, instead, &check)
    }

    /// An import of an account.
    pub fn import(&mut self, account: &str, question: &str) -> Result<Import> {
        let imports = self.workspace.account(account)?.nats.imports;
        let mut labels = Vec::new();
        let store = self.workspace.store()?;
        for import in &imports {
            let from = store.account_of_key(&mut self.workspace.files, &import.account)?;
            let from = from.unwrap_or_else(|| import.account.clone());
            labels.push(format!("[{}] {} from {from}", import.kind, import.subject));
        }
        let none = format!("account {account:?} doesn't have imports");
        let label = self.pick(question, &labels, &none, "--subject")?;
        let at = labels.iter().position(|other| *other == label);
        at.and_then(|at| imports.into_iter().nth(at))
            .ok_or_else(|| Error::missing(none))
    }

    /// Who signs for an account, when several keys are at hand.
    pub fn signer_for_account(&mut self, account: &str) -> Result {
        let strict = self.workspace.operator()?.nats.strict_signing_key_usage;
        let claims = self.workspace.account(account)?;
        let keys = Workspace::account_signers(&claims, strict, None);
        let label = |key: &str| match claims.nats.signing_keys.scope(key) {
            Some(scope) => format!("{key} (role {})", scope.role),
            None => key.to_owned(),
        };
        self.signer(&keys, label)
    }

    /// Who signs for the operator, when several keys are at hand.
    pub fn signer_for_operator(&mut self) -> Result {
        let operator = self.workspace.operator()?;
        let keys = Workspace::operator_signers(&operator, None);
        self.signer(&keys, str::to_owned)
    }

    fn signer(&mut self, keys: &[String], label: impl Fn(&str) -> String) -> Result {
        if self.workspace.signing.key.is_some() {
            return Ok(());
        }
        let mut at_hand = Vec::new();
        for key in keys {
            if self.workspace.signing_key(key)?.is_some() {
                at_hand.push(key.clone());
            }
        }
        if at_hand.len() < 2 {
            return Ok(());
        }
        let labels: Vec<String> = at_hand.iter().map(|key| label(key)).collect();
        let at = self
            .prompt
            .select("select the key to sign with", &labels, "--private-key")?;
        self.workspace.signing.key = at_hand.get(at).cloned();
        Ok(())
    }

    /// The last word before something is gone.
    pub fn sure(&mut self, question: &str) -> Result {
        if self.confirm(question, false, "no --interactive")? {
            return Ok(());
        }
        Err(Error::refused("delete cancelled"))
    }
}

/// Whether it is a subject.
pub fn subject(text: &str) -> std::result::Result<(), String> {
    match nats_proto::subject::check(text.trim().as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) => Err(format!("{text:?} is no subject: {error}")),
    }
}

/// A subject, or nothing.
pub fn maybe_subject(text: &str) -> std::result::Result<(), String> {
    match text.trim() {
        "" => Ok(()),
        text => subject(text),
    }
}

/// A duration, or nothing.
pub fn maybe_duration(text: &str) -> std::result::Result<(), String> {
    match text.trim() {
        "" => Ok(()),
        text => crate::text::duration_ns(text).map(drop),
    }
}

/// How many of the requests are measured.
pub fn sampling(text: &str) -> std::result::Result<(), String> {
    match export::sampling(text.trim()) {
        Ok(_) => Ok(()),
        Err(_) => Err("it is 1 to 100, or header".to_owned()),
    }
}

/// Whether a word is a key of a kind, or names a file with one; nothing is fit as well.
fn key_check(workspace: &Workspace, word: &str, kind: Kind) -> std::result::Result<(), String> {
    match word {
        "" => Ok(()),
        word => workspace
            .check_given_key(word, kind)
            .map_err(|error| error.to_string()),
    }
}

/// The kind of an export, as a switch.
pub fn is_service(export: &Export) -> bool {
    export.kind == ExportType::Service
}
