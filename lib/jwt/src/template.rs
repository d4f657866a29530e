//! Templates of scoped signing keys: `{{name()}}` and the like in subjects become what the user's and the account's tokens say.
//!
//! | word | becomes |
//! |---|---|
//! | `{{name()}}`, `{{subject()}}` | the user's name, public key |
//! | `{{account-name()}}`, `{{account-subject()}}` | the account's name, public key |
//! | `{{tag(x)}}`, `{{account-tag(x)}}` | `v` of each tag `x:v` of the user, the account |
//!
//! Several values make several subjects, in all combinations. A subject that becomes invalid is left out of an allow list and is an
//! error in a deny list, where leaving it out would allow. An allow list of which nothing is left becomes a denial of everything.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use nats_proto::subject;

use crate::claims::{AccountClaims, Permission, Tags, UserClaims, UserPermissionLimits};

/// Largest number of subjects that one list of a template may become.
pub const SUBJECTS_MAX: usize = 4096;

/// Why a template gives no permissions for a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("template in {subject:?}: {word:?} is not defined")]
    UnknownWord { subject: String, word: String },
    #[error("template in {subject:?}: there is no tag {tag:?}, and nothing would be denied")]
    NoSuchTag { subject: String, tag: String },
    #[error(
        "template in {subject:?}: what becomes of it is no subject, and nothing would be denied"
    )]
    InvalidDeny { subject: String },
    #[error("template gives more than {SUBJECTS_MAX} subjects")]
    TooMany,
}

/// What the templates are filled with.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    pub name: &'a str,
    pub subject: &'a str,
    pub tags: &'a Tags,
    pub account_name: &'a str,
    pub account_subject: &'a str,
    pub account_tags: &'a Tags,
}

impl<'a> Values<'a> {
    /// Those of a user of an account.
    pub fn of(user: &'a UserClaims, account: &'a AccountClaims) -> Self {
        Self {
            name: &user.name,
            subject: &user.subject,
            tags: &user.nats.tags,
            account_name: &account.name,
            account_subject: &account.subject,
            account_tags: &account.nats.tags,
        }
    }
}

/// The permissions and limits that `template` means for a user.
///
/// # Errors
/// [`TemplateError`]; the user must then be refused.
pub fn expand(
    template: &UserPermissionLimits,
    values: &Values<'_>,
) -> Result<UserPermissionLimits, TemplateError> {
    let mut limits = template.clone();
    let permissions = &mut limits.permissions;
    for permission in [&mut permissions.subscribe, &mut permissions.publish] {
        *permission = expand_permission(permission, values)?;
    }
    Ok(limits)
}

/// Whether a subject of a permission holds a template.
pub fn is_template(subject: &str) -> bool {
    pieces(subject).len() > 1
}

/// Whether servers know all words of a template: with one that they do not know, every user of the role is refused.
///
/// # Errors
/// [`TemplateError::UnknownWord`].
pub fn check(template: &UserPermissionLimits) -> Result<(), TemplateError> {
    let tags = Tags::default();
    let nobody = Values {
        name: "",
        subject: "",
        tags: &tags,
        account_name: "",
        account_subject: "",
        account_tags: &tags,
    };
    let permissions = &template.permissions;
    for permission in [&permissions.publish, &permissions.subscribe] {
        for subject in permission.allow.iter().chain(&permission.deny) {
            for piece in pieces(subject) {
                if let Piece::Word(word) = piece {
                    word_values(word, subject, &nobody, List::Allow)?;
                }
            }
        }
    }
    Ok(())
}

fn expand_permission(
    template: &Permission,
    values: &Values<'_>,
) -> Result<Permission, TemplateError> {
    let allow = expand_list(&template.allow, values, List::Allow)?;
    let mut deny = expand_list(&template.deny, values, List::Deny)?;
    if allow.is_empty() && !template.allow.is_empty() && !deny.iter().any(|s| s == ">") {
        deny.push(">".to_owned());
    }
    Ok(Permission { allow, deny })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Allow,
    Deny,
}

fn expand_list(
    list: &[String],
    values: &Values<'_>,
    kind: List,
) -> Result<Vec<String>, TemplateError> {
    // Lists without templates stay as they are, whatever they hold.
    if !list.iter().any(|item| pieces(item).len() > 1) {
        return Ok(list.to_vec());
    }
    let mut out = Vec::with_capacity(list.len());
    for item in list {
        expand_item(item, values, kind, &mut out)?;
        if out.len() > SUBJECTS_MAX {
            return Err(TemplateError::TooMany);
        }
    }
    Ok(out)
}

/// A part of a subject: as it stands, or the word between `{{` and `}}`.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Word(&'a str),
}

/// Splits `item` at its templates: text and words in turn, beginning and ending with (possibly empty) text.
fn pieces(item: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = item;
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|tail| tail.find("{{")) {
        let open = from.saturating_add(found);
        let inside = rest.get(open.saturating_add(2)..).unwrap_or_default();
        let word = inside.split('}').next().unwrap_or_default();
        let after = inside.get(word.len()..).unwrap_or_default();
        match after.strip_prefix("}}") {
            Some(tail) if !word.is_empty() => {
                pieces.push(Piece::Text(rest.get(..open).unwrap_or_default()));
                pieces.push(Piece::Word(word.trim()));
                rest = tail;
                from = 0;
            }
            _ => from = open.saturating_add(1),
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn expand_item(
    item: &str,
    values: &Values<'_>,
    kind: List,
    out: &mut Vec<String>,
) -> Result<(), TemplateError> {
    let pieces = pieces(item);
    // Each different word once: the same word has the same value wherever it stands in one subject.
    let mut words: Vec<(&str, Vec<String>)> = Vec::new();
    for piece in &pieces {
        if let Piece::Word(word) = piece
            && !words.iter().any(|(known, _)| known == word)
        {
            words.push((word, word_values(word, item, values, kind)?));
        }
    }
    let mut count: usize = 1;
    for (_, values) in &words {
        count = count.saturating_mul(values.len());
    }
    if count > SUBJECTS_MAX {
        return Err(TemplateError::TooMany);
    }
    for combination in 0..count {
        let made = fill(&pieces, &words, combination);
        match made.filter(|made| is_permission_subject(made)) {
            Some(made) => out.push(made),
            None if kind == List::Deny => {
                let subject = item.to_owned();
                return Err(TemplateError::InvalidDeny { subject });
            }
            None => {}
        }
    }
    Ok(())
}

/// The subject for one combination of the words' values, counted through with the last word fastest. `None` when a value holds
/// whitespace, which would make a subject and a queue of it.
fn fill(pieces: &[Piece<'_>], words: &[(&str, Vec<String>)], combination: usize) -> Option<String> {
    let mut left = combination;
    let mut chosen = Vec::with_capacity(words.len());
    for (word, values) in words.iter().rev() {
        let len = values.len();
        let value = values.get(left.checked_rem(len)?)?;
        left = left.checked_div(len)?;
        chosen.push((*word, value));
    }
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Word(word) => {
                let (_, value) = chosen.iter().find(|(known, _)| known == word)?;
                if value.contains(char::is_whitespace) {
                    return None;
                }
                out.push_str(value);
            }
        }
    }
    Some(out)
}

/// A subject, or a subject and a queue.
fn is_permission_subject(text: &str) -> bool {
    match text.split_once(' ') {
        None => subject::is_valid(text.as_bytes()),
        Some((subject, queue)) => {
            subject::is_valid(subject.as_bytes()) && subject::is_valid(queue.as_bytes())
        }
    }
}

fn word_values(
    word: &str,
    item: &str,
    values: &Values<'_>,
    kind: List,
) -> Result<Vec<String>, TemplateError> {
    let one = |value: &str| Ok(vec![value.to_owned()]);
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "name()" => return one(values.name),
        "subject()" => return one(values.subject),
        "account-name()" => return one(values.account_name),
        "account-subject()" => return one(values.account_subject),
        _ => {}
    }
    let inside = |head: &str| lower.strip_prefix(head)?.strip_suffix(')');
    let (tags, tag) = if let Some(tag) = inside("account-tag(") {
        (values.account_tags, tag)
    } else if let Some(tag) = inside("tag(") {
        (values.tags, tag)
    } else {
        return Err(TemplateError::UnknownWord {
            subject: item.to_owned(),
            word: word.to_owned(),
        });
    };
    let found: Vec<_> = tags
        .iter()
        .filter_map(|there| there.strip_prefix(tag)?.strip_prefix(':'))
        .map(str::to_owned)
        .collect();
    if found.is_empty() && kind == List::Deny {
        return Err(TemplateError::NoSuchTag {
            subject: item.to_owned(),
            tag: tag.to_owned(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(allow: &[&str], deny: &[&str]) -> Result<Permission, TemplateError> {
        let tags: Tags = ["dept:eng", "dept:ops", "site:x", "bad:a b", "wild:*"]
            .iter()
            .collect();
        let account_tags: Tags = ["org:acme"].iter().collect();
        let values = Values {
            name: "bob",
            subject: "UBOB",
            tags: &tags,
            account_name: "Acme",
            account_subject: "AACME",
            account_tags: &account_tags,
        };
        let text = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let template = Permission {
            allow: text(allow),
            deny: text(deny),
        };
        expand_permission(&template, &values)
    }

    fn allowed(allow: &[&str]) -> Vec<String> {
        expanded(allow, &[]).expect("template").allow
    }

    #[test]
    fn words_become_what_the_tokens_say() {
        assert_eq!(allowed(&["a.{{name()}}.b"]), ["a.bob.b"]);
        assert_eq!(allowed(&["{{ NAME() }}.>"]), ["bob.>"]);
        assert_eq!(
            allowed(&["{{subject()}}.{{account-subject()}}"]),
            ["UBOB.AACME"]
        );
        assert_eq!(
            allowed(&["{{account-name()}}.{{account-tag(org)}}"]),
            ["Acme.acme"]
        );
        assert_eq!(allowed(&["{{tag(dept)}}.x"]), ["eng.x", "ops.x"]);
        assert_eq!(
            allowed(&["{{tag(dept)}}.{{tag(site)}}.{{tag(dept)}}", "plain"]),
            ["eng.x.eng", "ops.x.ops", "plain"]
        );
        assert_eq!(allowed(&["q.{{name()}} workers"]), ["q.bob workers"]);
    }

    #[test]
    fn what_is_no_template_stays() {
        for text in [
            "a.b",
            "a.{{}}",
            "{{name()",
            "{{na}me()}}",
            "no such subject..",
            "{name()}",
        ] {
            assert_eq!(allowed(&[text]), [text]);
        }
    }

    #[test]
    fn an_allow_list_of_which_nothing_is_left_denies_everything() {
        let made = expanded(&["{{tag(nothing)}}.x"], &[]).expect("template");
        assert_eq!(made.allow, [""; 0]);
        assert_eq!(made.deny, [">"]);
        let made = expanded(&["{{tag(nothing)}}.x", "y"], &[]).expect("template");
        assert_eq!((made.allow, made.deny), (vec!["y".to_owned()], vec![]));
        // A blank in a value would make a queue of the rest.
        assert_eq!(
            expanded(&["x.{{tag(bad)}}"], &[]).expect("template").deny,
            [">"]
        );
    }

    #[test]
    fn a_denial_that_cannot_be_made_refuses_the_user() {
        assert!(matches!(
            expanded(&[], &["{{tag(nothing)}}.x"]),
            Err(TemplateError::NoSuchTag { .. })
        ));
        assert!(matches!(
            expanded(&[], &["x.{{tag(bad)}}"]),
            Err(TemplateError::InvalidDeny { .. })
        ));
        for word in [
            "{{nonsense()}}",
            "{{name(x)}}",
            "{{tag(dept}}",
            "{{{name()}}",
        ] {
            assert!(matches!(
                expanded(&[word], &[]),
                Err(TemplateError::UnknownWord { .. })
            ));
        }
    }

    #[test]
    fn combinations_are_bounded() {
        let tags: Tags = (0..100)
            .map(|n| format!("a:{n}"))
            .chain((0..100).map(|n| format!("b:{n}")))
            .collect();
        let none = Tags::default();
        let values = Values {
            name: "",
            subject: "",
            tags: &tags,
            account_name: "",
            account_subject: "",
            account_tags: &none,
        };
        let template = |text: &str| Permission {
            allow: vec![text.to_owned()],
            deny: Vec::new(),
        };
        assert_eq!(
            expand_permission(&template("{{tag(a)}}.{{tag(b)}}"), &values),
            Err(TemplateError::TooMany)
        );
        assert_eq!(
            expand_permission(&template("{{tag(a)}}"), &values)
                .expect("template")
                .allow
                .len(),
            100
        );
    }
}
