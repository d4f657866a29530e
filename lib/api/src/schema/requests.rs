//! Which schema the body of a request has, by the subject that it is sent to.

use super::Schema;

/// What follows `$JS.API.`, token by token (`*` is any, `>` the rest), and the schema of the body. The first line that fits counts.
const REQUESTS: [(&str, &str); 25] = [
    ("STREAM.CREATE.*", "stream_create_request"),
    ("STREAM.UPDATE.*", "stream_update_request"),
    ("STREAM.NAMES", "stream_names_request"),
    ("STREAM.LIST", "stream_list_request"),
    ("STREAM.INFO.*", "stream_info_request"),
    ("STREAM.PURGE.*", "stream_purge_request"),
    ("STREAM.MSG.GET.*", "stream_msg_get_request"),
    ("STREAM.MSG.DELETE.*", "stream_msg_delete_request"),
    ("STREAM.SNAPSHOT.*", "stream_snapshot_request"),
    ("STREAM.RESTORE.*", "stream_restore_request"),
    ("STREAM.PEER.REMOVE.*", "stream_remove_peer_request"),
    ("STREAM.LEADER.STEPDOWN.*", "stream_leader_stepdown_request"),
    ("DIRECT.GET.*", "stream_msg_get_request"),
    ("CONSUMER.CREATE.>", "consumer_create_request"),
    ("CONSUMER.DURABLE.CREATE.*.*", "consumer_create_request"),
    ("CONSUMER.NAMES.*", "consumer_names_request"),
    ("CONSUMER.LIST.*", "consumer_list_request"),
    ("CONSUMER.INFO.*.*", "consumer_info_request"),
    ("CONSUMER.PAUSE.*.*", "consumer_pause_request"),
    ("CONSUMER.UNPIN.*.*", "consumer_unpin_request"),
    ("CONSUMER.RESET.*.*", "consumer_reset_request"),
    (
        "CONSUMER.LEADER.STEPDOWN.*.*",
        "consumer_leader_stepdown_request",
    ),
    ("CONSUMER.MSG.NEXT.*.*", "consumer_getnext_request"),
    ("META.LEADER.STEPDOWN", "meta_leader_stepdown_request"),
    ("SERVER.REMOVE", "meta_server_remove_request"),
];

/// The schema of a body sent to this subject; `None` for requests without one. A body may always be left out where no member is
/// required.
pub fn of_request(subject: &str) -> Option<&'static Schema> {
    let asked = subject.strip_prefix("$JS.API.")?;
    let (_, name) = REQUESTS.iter().find(|(pattern, _)| fits(pattern, asked))?;
    super::find(&format!("io.nats.jetstream.api.v1.{name}"))
}

fn fits(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_leads_to_its_schema() {
        let name = |subject: &str| {
            let schema = of_request(subject)?;
            schema.name.rsplit('.').next()
        };
        assert_eq!(
            name("$JS.API.STREAM.CREATE.S"),
            Some("stream_create_request")
        );
        assert_eq!(
            name("$JS.API.CONSUMER.CREATE.S.c.orders.>"),
            Some("consumer_create_request")
        );
        assert_eq!(name("$JS.API.DIRECT.GET.S.orders.new"), None);
        assert_eq!(name("$JS.API.INFO"), None);
        assert_eq!(name("orders"), None);
        for (pattern, _) in REQUESTS {
            let subject = format!("$JS.API.{}", pattern.replace(['*', '>'], "x"));
            assert!(of_request(&subject).is_some(), "{pattern}");
        }
    }
}
