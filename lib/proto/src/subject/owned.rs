//! The owned, validated subject types.

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{InvalidSubject, Tokens, check, check_publish, has_wildcard, matches, tokens};

/// A valid subject, with or without wildcards. Immutable; as large as a pointer and a length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Box<[u8]>);

impl Subject {
    /// Copies `subject` after checking it. To hand over a `Vec` or a `String` without a copy use `try_from`.
    ///
    /// # Errors
    /// The first rule that is broken, see [`check`].
    pub fn new(subject: impl AsRef<[u8]>) -> Result<Self, InvalidSubject> {
        let subject = subject.as_ref();
        check(subject)?;
        Ok(Self(subject.into()))
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The subject as text, with replacement characters where it is not UTF-8: for people, not for comparing.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The subject as text when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    pub fn tokens(&self) -> Tokens<'_> {
        tokens(&self.0)
    }

    pub fn has_wildcard(&self) -> bool {
        has_wildcard(&self.0)
    }

    /// Whether this subject stands for the literal subject `literal`, see [`matches()`].
    pub fn matches(&self, literal: &[u8]) -> bool {
        matches(literal, &self.0)
    }
}

/// A valid subject without wildcards: what a message can be addressed to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal(Subject);

impl Literal {
    /// Copies `subject` after checking it. To hand over a `Vec` or a `String` without a copy use `try_from`.
    ///
    /// # Errors
    /// The first rule that is broken, see [`check_publish`].
    pub fn new(subject: impl AsRef<[u8]>) -> Result<Self, InvalidSubject> {
        let subject = subject.as_ref();
        check_publish(subject)?;
        Ok(Self(Subject(subject.into())))
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// See [`Subject::to_text`].
    pub fn to_text(&self) -> Cow<'_, str> {
        self.0.to_text()
    }

    /// See [`Subject::as_str`].
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }

    pub fn tokens(&self) -> Tokens<'_> {
        self.0.tokens()
    }

    pub fn as_subject(&self) -> &Subject {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for Subject {
    type Error = InvalidSubject;

    fn try_from(subject: Vec<u8>) -> Result<Self, InvalidSubject> {
        check(&subject)?;
        Ok(Self(subject.into_boxed_slice()))
    }
}

impl TryFrom<Vec<u8>> for Literal {
    type Error = InvalidSubject;

    fn try_from(subject: Vec<u8>) -> Result<Self, InvalidSubject> {
        check_publish(&subject)?;
        Ok(Self(Subject(subject.into_boxed_slice())))
    }
}

impl From<Literal> for Subject {
    fn from(literal: Literal) -> Self {
        literal.0
    }
}

impl TryFrom<Subject> for Literal {
    type Error = InvalidSubject;

    fn try_from(subject: Subject) -> Result<Self, InvalidSubject> {
        check_publish(&subject.0)?;
        Ok(Self(subject))
    }
}

macro_rules! common_traits {
    ($name:ident) => {
        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        // Hash and Eq are those of the bytes, so maps keyed by the type can be asked with a slice.
        impl Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidSubject;

            fn from_str(text: &str) -> Result<Self, InvalidSubject> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidSubject;

            fn try_from(text: &str) -> Result<Self, InvalidSubject> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidSubject;

            fn try_from(text: String) -> Result<Self, InvalidSubject> {
                Self::try_from(text.into_bytes())
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = InvalidSubject;

            fn try_from(bytes: &[u8]) -> Result<Self, InvalidSubject> {
                Self::new(bytes)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.to_text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.to_text())
            }
        }

        /// As text; what is not UTF-8 is replaced, as in every JSON document of the reference.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::try_from(text.into_bytes()).map_err(de::Error::custom)
            }
        }
    };
}

common_traits!(Subject);
common_traits!(Literal);
