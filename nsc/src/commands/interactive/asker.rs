//! How each kind of thing is asked for. Every method leaves alone what was given.

use nats_jwt::claims::{Export, ExportType};
use nats_term::prompt::{Check, Prompt};

use crate::error::{Error, Result};
use crate::name;
use crate::ops::request::{TagChanges, Times};
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
                return Err(format!("there is a {kind} {answer:?} already"));
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

    fn changed_to(
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

    /// A text that is needed.
    pub fn required(&mut self, slot: &mut String, question: &str, instead: &str) -> Result {
        if slot.is_empty() {
            *slot = nats_term::prompt::required(self.prompt, question, instead)?;
        }
        Ok(())
    }

    /// Words with commas between them.
    pub fn list(&mut self, slot: &mut Vec<String>, question: &str, instead: &str) -> Result {
        self.list_of(slot, question, instead, &|_| Ok(()))
    }

    /// Subjects of a permission, with commas between them.
    pub fn subjects(&mut self, slot: &mut Vec<String>, question: &str, instead: &str) -> Result {
        self.list_of(slot, question, instead, &|word| {
            // Behind a blank is a queue; what a template is worth is decided with its role.
            match word.contains("{{") {
                true => Ok(()),
                false => subject(word.split(' ').next().unwrap_or_default()),
            }
        })
    }

    fn list_of(
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
        if slot.is_none() {
            let check = |answer: &str| crate::text::number(answer).map(drop);
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
    pub fn user(&mut self, account: &str, slot: &mut Option<String>) -> Result<String> {
        if slot.is_none() {
            let names = self.workspace.users(account)?;
            let none = format!("account {account:?} has no users; add one: nsc add user NAME");
            *slot = Some(self.pick("select user", &names, &none, "--name")?);
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
        self.list(&mut request.tag, "tags to add, with commas", "--tag")?;
        if request.rm_tag.is_empty()
            && !there.is_empty()
            && self.confirm("remove tags", false, "--rm-tag")?
        {
            request.rm_tag = self.several("select tags to remove", there, "--rm-tag")?;
        }
        Ok(())
    }

    /// A key: a new one, or one that the user has.
    pub fn key(&mut self, slot: &mut Option<String>, what: &str) -> Result {
        if slot.is_none()
            && !self.confirm(&format!("generate an {what} nkey"), true, "--public-key")?
        {
            self.text(
                slot,
                &format!("path to an {what} nkey or nkey"),
                "",
                "--public-key",
            )?;
        }
        Ok(())
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
    let text = text.trim();
    let percent = text.trim_end_matches('%').parse();
    if text.eq_ignore_ascii_case("header") || percent.is_ok_and(|n: u8| (1..=100).contains(&n)) {
        return Ok(());
    }
    Err("it is 1 to 100, or header".to_owned())
}

/// The kind of an export, as a switch.
pub fn is_service(export: &Export) -> bool {
    export.kind == ExportType::Service
}
