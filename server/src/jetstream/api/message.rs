//! Requests about single messages.

use nats_api::jetstream::{MsgDeleteRequest, MsgDeleteResponse, MsgGetRequest};

use super::Serving;

impl Serving<'_> {
    pub(super) fn msg_get(&self, name: &str) {
        let request = self.body::<MsgGetRequest>();
        self.on_stream(name, |seat, _, _| seat.stream.get_message(&request?));
    }

    pub(super) fn msg_delete(&self, name: &str) {
        let request = self.body::<MsgDeleteRequest>();
        self.on_stream(name, |seat, cx, out| {
            seat.stream.delete_message(cx, &request?, out)?;
            Ok(MsgDeleteResponse { success: true })
        });
    }
}
