//! Requests about single messages.

use nats_api::errors::ApiError;
use nats_api::jetstream::{MsgDeleteRequest, MsgDeleteResponse, MsgGetRequest, MsgGetResponse};
use serde::de::DeserializeOwned;

use super::Serving;

impl Serving<'_> {
    pub(super) fn msg_get(&self, name: &str) {
        let request = match self.some_document::<MsgGetRequest>() {
            Ok(request) => request,
            Err(error) => return self.answer::<MsgGetResponse>(Err(error)),
        };
        self.on_stream(name, |seat, _, _| seat.stream.get_message(&request));
    }

    pub(super) fn msg_delete(&self, name: &str) {
        let request = match self.some_document::<MsgDeleteRequest>() {
            Ok(request) => request,
            Err(error) => return self.answer::<MsgDeleteResponse>(Err(error)),
        };
        self.on_stream(name, |seat, cx, out| {
            seat.stream.delete_message(cx, &request, out)?;
            Ok(MsgDeleteResponse { success: true })
        });
    }

    /// A message has to be named.
    fn some_document<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        self.account()?;
        match self.no_body() {
            Ok(()) => Err(ApiError::BAD_REQUEST.error()),
            Err(_) => self.body(),
        }
    }
}
