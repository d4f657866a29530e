//! The language of the tables.
//!
//! A [`Schema`] is a document with a name; it is made of [`Shape`]s, which have [`Member`]s, each of a [`Kind`]. Everything
//! is `const`, so that a table that names what does not exist does not compile. [`shapes!`] and [`schemas!`] write tables.

/// A document with a name.
#[derive(Debug)]
pub struct Schema {
    /// `io.nats.jetstream.api.v1.stream_create_request`; events and answers carry it in their member `type`.
    pub name: &'static str,
    /// What it is for, a few words.
    pub about: &'static str,
    pub body: Body,
}

/// What a document consists of. Members of several shapes stand in one object.
#[derive(Debug)]
pub enum Body {
    /// The members of these shapes and nothing around them.
    Plain(&'static [&'static Shape]),
    /// The same with a `type`, which names the schema.
    Typed(&'static [&'static Shape]),
    /// A `type`, and either an `error` or the members of these shapes.
    Answer(&'static [&'static Shape]),
    /// An answer of which some servers leave out the type.
    UntypedAnswer(&'static [&'static Shape]),
}

/// Members that belong together.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub about: &'static str,
    pub members: &'static [Member],
    /// Whether other members than these are a mistake.
    pub closed: bool,
}

/// One member of an object.
#[derive(Debug)]
pub struct Member {
    pub name: &'static str,
    pub kind: Kind,
    pub about: &'static str,
    pub need: Need,
}

/// When a member has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Always,
    Never,
    /// When another member has this value.
    When(&'static str, &'static str),
}

/// What a value may be.
#[derive(Debug)]
pub enum Kind {
    Bool,
    Text(Form),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these numbers.
    Code(&'static [i64]),
    /// A whole number between these, both included.
    Integer(i128, i128),
    Number,
    List(&'static Kind),
    /// An object whose members all have values of this kind.
    Map(&'static Kind),
    Object(&'static Shape),
    /// Also `null`.
    Nullable(&'static Kind),
    Anything,
}

/// What a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Any,
    NotEmpty,
    AtMost(usize),
    /// A point in time, RFC 3339.
    Time,
    /// A name of a stream or consumer: no `.`, `*`, `>`.
    Name,
    /// The same, or nothing.
    NameOrNothing,
    /// A name of a service: letters, digits, `-`, `_`.
    ServiceName,
    /// A semantic version.
    Version,
}

pub const BOOL: Kind = Kind::Bool;
pub const TEXT: Kind = Kind::Text(Form::Any);
pub const WORD: Kind = Kind::Text(Form::NotEmpty);
pub const ABOUT: Kind = Kind::Text(Form::AtMost(4096));
pub const TIME: Kind = Kind::Text(Form::Time);
pub const NAME: Kind = Kind::Text(Form::Name);
pub const TEXTS: Kind = Kind::List(&TEXT);
pub const WORDS: Kind = Kind::List(&WORD);
pub const LABELS: Kind = Kind::Map(&TEXT);
pub const NUMBER: Kind = Kind::Number;
/// Any whole number of 64 bits.
pub const SIGNED: Kind = Kind::Integer(i64::MIN as i128, i64::MAX as i128);
/// From zero to the largest of 64 bits: sequences, numbers of messages.
pub const COUNT: Kind = Kind::Integer(0, u64::MAX as i128);
/// The same, but for numbers that begin with one.
pub const ORDINAL: Kind = Kind::Integer(1, u64::MAX as i128);
/// From zero to the largest of 64 bits with a sign: lengths, nanoseconds.
pub const LENGTH: Kind = Kind::Integer(0, i64::MAX as i128);
/// `-1` is no limit.
pub const LIMIT: Kind = Kind::Integer(-1, i64::MAX as i128);

/// A member that has to be there.
pub const fn must(name: &'static str, kind: Kind, about: &'static str) -> Member {
    Member {
        name,
        kind,
        about,
        need: Need::Always,
    }
}

/// A member that may be left out.
pub const fn may(name: &'static str, kind: Kind, about: &'static str) -> Member {
    Member {
        name,
        kind,
        about,
        need: Need::Never,
    }
}

/// Whether a shape knows all its members.
pub const OPEN: bool = false;
pub const CLOSED: bool = true;

/// Writes shapes: `NAME CLOSED "what it is" { must "member": KIND, "what it says"; … }`.
macro_rules! shapes {
    ($($(#[$meta:meta])* $visibility:vis $name:ident $closed:ident $about:literal { $($need:ident $member:literal: $kind:expr, $says:literal;)* })*) => {
        $($(#[$meta])* $visibility static $name: Shape = Shape {
            name: stringify!($name),
            about: $about,
            closed: $closed,
            members: &[$($need($member, $kind, $says),)*],
        };)*
    };
}

/// Writes schemas of one family: `"name": Body[SHAPE, …], "what it is for";`.
macro_rules! schemas {
    ($name:ident of $prefix:literal { $($schema:literal: $body:ident[$($shape:ident),*], $about:literal;)* }) => {
        pub static $name: &[Schema] = &[$(Schema {
            name: concat!($prefix, $schema),
            about: $about,
            body: Body::$body(&[$(&$shape),*]),
        },)*];
    };
}

pub(super) use {schemas, shapes};

impl Schema {
    /// The shapes of a document that is no error.
    pub(super) fn shapes(&self) -> &'static [&'static Shape] {
        match self.body {
            Body::Plain(shapes)
            | Body::Typed(shapes)
            | Body::Answer(shapes)
            | Body::UntypedAnswer(shapes) => shapes,
        }
    }

    /// Whether it carries its name in `type`: always, if it likes, or never.
    pub(super) fn typed(&self) -> Option<Need> {
        match self.body {
            Body::Plain(_) => None,
            Body::Typed(_) | Body::Answer(_) => Some(Need::Always),
            Body::UntypedAnswer(_) => Some(Need::Never),
        }
    }

    /// Whether it may be an `error` instead.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self.body, Body::Answer(_) | Body::UntypedAnswer(_))
    }

    /// Whether members that are not described are a mistake.
    pub(super) fn is_closed(&self) -> bool {
        self.shapes().iter().any(|shape| shape.closed)
    }
}
