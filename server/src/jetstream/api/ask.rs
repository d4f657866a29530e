//! What a subject below `$JS.API` asks for.
//!
//! One table holds every request there is, with who may make it; tests go through the table, so that none is missed.

/// A request, with the names that stand in its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    AccountInfo,
    StreamCreate(&'a str),
    StreamUpdate(&'a str),
    StreamNames,
    StreamList,
    StreamInfo(&'a str),
    StreamDelete(&'a str),
    StreamPurge(&'a str),
    StreamSnapshot(&'a str),
    StreamRestore(&'a str),
    MsgGet(&'a str),
    MsgDelete(&'a str),
    StreamPeerRemove(&'a str),
    StreamPeerEvacuate(&'a str),
    StreamCancelMove(&'a str),
    StreamLeaderStepdown(&'a str),
    /// `CONSUMER.CREATE.<stream>`, the old form for ephemerals.
    ConsumerCreateUnnamed(&'a str),
    ConsumerCreate {
        stream: &'a str,
        consumer: &'a str,
        filter: Option<&'a str>,
    },
    ConsumerDurableCreate(&'a str, &'a str),
    ConsumerNames(&'a str),
    ConsumerList(&'a str),
    ConsumerInfo(&'a str, &'a str),
    ConsumerDelete(&'a str, &'a str),
    ConsumerPause(&'a str, &'a str),
    ConsumerUnpin(&'a str, &'a str),
    ConsumerReset(&'a str, &'a str),
    ConsumerLeaderStepdown(&'a str, &'a str),
    ConsumerNext(&'a str, &'a str),
    /// With the subject whose last message is asked for, when it stands in the request's subject.
    DirectGet(&'a str, Option<&'a str>),
    MetaLeaderStepdown,
    ServerRemove,
    ServerEvacuate,
    MetaRescue,
    AccountPurge(&'a str),
    AccountStreamMove(&'a str, &'a str),
    AccountStreamCancelMove(&'a str, &'a str),
}

/// How a request is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the stream itself, among its messages: it has to be fast.
    Stream,
    /// By a thread of the API, in the queue for questions.
    Info,
    /// By a thread of the API, in the queue for changes.
    Change,
    /// Only when asked in the system account.
    System,
}

impl<'a> Ask<'a> {
    /// Reads what follows the prefix and its dot. `None`: there is no such request.
    pub fn parse(request: &'a str) -> Option<Self> {
        let (verb, names) = VERBS.iter().find_map(|verb| {
            let rest = request.strip_prefix(verb.text)?;
            match (verb.names, rest.strip_prefix('.')) {
                (0, None) if rest.is_empty() => Some((verb, "")),
                (0, _) => None,
                (_, names) => Some((verb, names?)),
            }
        })?;
        let mut parts = names.splitn(3, '.');
        let (first, second, third) = (parts.next()?, parts.next(), parts.next());
        let empty = |name: Option<&str>| name.is_some_and(str::is_empty);
        if (verb.names > 0 && first.is_empty()) || empty(second) || empty(third) {
            return None;
        }
        match (verb.make, second, third) {
            (Make::Plain(ask), None, None) => Some(ask),
            (Make::One(make), None, None) => Some(make(first)),
            (Make::Two(make), Some(second), None) => Some(make(first, second)),
            (Make::Create, None, None) => Some(Self::ConsumerCreateUnnamed(first)),
            (Make::Create, Some(consumer), filter) => Some(Self::ConsumerCreate {
                stream: first,
                consumer,
                filter,
            }),
            (Make::Direct, ..) => Some(Self::DirectGet(
                first,
                names.split_once('.').map(|(_, subject)| subject),
            )),
            _ => None,
        }
    }

    pub fn way(&self) -> Way {
        match self {
            Self::ConsumerNext(..) | Self::DirectGet(..) => Way::Stream,
            Self::AccountInfo
            | Self::StreamInfo(_)
            | Self::StreamNames
            | Self::StreamList
            | Self::ConsumerInfo(..)
            | Self::ConsumerNames(_)
            | Self::ConsumerList(_)
            | Self::MsgGet(_) => Way::Info,
            Self::MetaLeaderStepdown
            | Self::ServerRemove
            | Self::ServerEvacuate
            | Self::MetaRescue
            | Self::AccountPurge(_)
            | Self::AccountStreamMove(..)
            | Self::AccountStreamCancelMove(..) => Way::System,
            _ => Way::Change,
        }
    }
}

/// How a request is made from the names in its subject.
#[derive(Clone, Copy)]
enum Make {
    Plain(Ask<'static>),
    One(for<'a> fn(&'a str) -> Ask<'a>),
    Two(for<'a> fn(&'a str, &'a str) -> Ask<'a>),
    Create,
    Direct,
}

struct Verb {
    text: &'static str,
    /// How many names follow at the least.
    names: usize,
    make: Make,
}

const fn plain(text: &'static str, ask: Ask<'static>) -> Verb {
    Verb {
        text,
        names: 0,
        make: Make::Plain(ask),
    }
}

const fn one(text: &'static str, make: for<'a> fn(&'a str) -> Ask<'a>) -> Verb {
    Verb {
        text,
        names: 1,
        make: Make::One(make),
    }
}

const fn two(text: &'static str, make: for<'a> fn(&'a str, &'a str) -> Ask<'a>) -> Verb {
    Verb {
        text,
        names: 2,
        make: Make::Two(make),
    }
}

/// Every request. A verb that begins like another stands before it.
static VERBS: &[Verb] = &[
    two("CONSUMER.MSG.NEXT", |s, c| Ask::ConsumerNext(s, c)),
    Verb {
        text: "DIRECT.GET",
        names: 1,
        make: Make::Direct,
    },
    plain("INFO", Ask::AccountInfo),
    one("STREAM.CREATE", |s| Ask::StreamCreate(s)),
    one("STREAM.UPDATE", |s| Ask::StreamUpdate(s)),
    plain("STREAM.NAMES", Ask::StreamNames),
    plain("STREAM.LIST", Ask::StreamList),
    one("STREAM.INFO", |s| Ask::StreamInfo(s)),
    one("STREAM.DELETE", |s| Ask::StreamDelete(s)),
    one("STREAM.PURGE", |s| Ask::StreamPurge(s)),
    one("STREAM.SNAPSHOT", |s| Ask::StreamSnapshot(s)),
    one("STREAM.RESTORE", |s| Ask::StreamRestore(s)),
    one("STREAM.MSG.GET", |s| Ask::MsgGet(s)),
    one("STREAM.MSG.DELETE", |s| Ask::MsgDelete(s)),
    one("STREAM.PEER.REMOVE", |s| Ask::StreamPeerRemove(s)),
    one("STREAM.PEER.EVACUATE", |s| Ask::StreamPeerEvacuate(s)),
    one("STREAM.CANCEL_MOVE", |s| Ask::StreamCancelMove(s)),
    one("STREAM.LEADER.STEPDOWN", |s| Ask::StreamLeaderStepdown(s)),
    two("CONSUMER.DURABLE.CREATE", |s, c| {
        Ask::ConsumerDurableCreate(s, c)
    }),
    Verb {
        text: "CONSUMER.CREATE",
        names: 1,
        make: Make::Create,
    },
    one("CONSUMER.NAMES", |s| Ask::ConsumerNames(s)),
    one("CONSUMER.LIST", |s| Ask::ConsumerList(s)),
    two("CONSUMER.INFO", |s, c| Ask::ConsumerInfo(s, c)),
    two("CONSUMER.DELETE", |s, c| Ask::ConsumerDelete(s, c)),
    two("CONSUMER.PAUSE", |s, c| Ask::ConsumerPause(s, c)),
    two("CONSUMER.UNPIN", |s, c| Ask::ConsumerUnpin(s, c)),
    two("CONSUMER.RESET", |s, c| Ask::ConsumerReset(s, c)),
    two("CONSUMER.LEADER.STEPDOWN", |s, c| {
        Ask::ConsumerLeaderStepdown(s, c)
    }),
    plain("META.LEADER.STEPDOWN", Ask::MetaLeaderStepdown),
    plain("SERVER.REMOVE", Ask::ServerRemove),
    plain("SERVER.EVACUATE", Ask::ServerEvacuate),
    plain("META.RESCUE", Ask::MetaRescue),
    one("ACCOUNT.PURGE", |a| Ask::AccountPurge(a)),
    two("ACCOUNT.STREAM.MOVE", |a, s| Ask::AccountStreamMove(a, s)),
    two("ACCOUNT.STREAM.CANCEL_MOVE", |a, s| {
        Ask::AccountStreamCancelMove(a, s)
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_of_the_table_is_read_back() {
        for verb in VERBS {
            let names = ["", ".a", ".a.b"][verb.names];
            let request = format!("{}{names}", verb.text);
            assert!(Ask::parse(&request).is_some(), "{request}");
            let too_long = format!("{request}.x.y.z");
            match verb.make {
                Make::Create | Make::Direct => {}
                _ => assert_eq!(Ask::parse(&too_long), None, "{too_long}"),
            }
        }
        assert_eq!(VERBS.len(), 35);
    }

    #[test]
    fn names_and_filters_come_out_of_the_subject() {
        assert_eq!(Ask::parse("STREAM.INFO.S"), Some(Ask::StreamInfo("S")));
        assert_eq!(
            Ask::parse("CONSUMER.CREATE.S.c.a.*.>"),
            Some(Ask::ConsumerCreate {
                stream: "S",
                consumer: "c",
                filter: Some("a.*.>")
            })
        );
        assert_eq!(
            Ask::parse("CONSUMER.CREATE.S"),
            Some(Ask::ConsumerCreateUnnamed("S"))
        );
        assert_eq!(Ask::parse("DIRECT.GET.S"), Some(Ask::DirectGet("S", None)));
        assert_eq!(
            Ask::parse("DIRECT.GET.S.a.b.c.d"),
            Some(Ask::DirectGet("S", Some("a.b.c.d")))
        );
    }

    #[test]
    fn what_is_no_request_is_none() {
        for wrong in [
            "",
            "INFO.x",
            "STREAM.INFO",
            "STREAM.INFO.",
            "STREAM.INFO.a.b",
            "STREAM.INFOX.a",
            "CONSUMER.INFO.a",
            "NOPE",
            "DIRECT.GET",
            "CONSUMER.CREATE.S..x",
        ] {
            assert_eq!(Ask::parse(wrong), None, "{wrong}");
        }
    }
}
