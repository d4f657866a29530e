//! Messages are read through the API.

use nats_api::errors::ApiError;
use nats_api::jetstream::{MsgGetRequest, MsgGetResponse, StoredMessage};
use nats_proto::subject;
use nats_store::{Filter, Message, StoreError};

use super::Stream;
use super::republish::api_time;

impl Stream {
    /// STREAM.MSG.GET.
    ///
    /// # Errors
    /// The request names no message or several ways to find one (10003), there is none (10037), it is damaged, or not durable
    /// while the log cannot be written (10077).
    pub fn get_message(&self, request: &MsgGetRequest) -> Result<MsgGetResponse, ApiError> {
        let by_sequence = request.seq > 0;
        let by_last = !request.last_by_subj.is_empty();
        let by_next = !request.next_by_subj.is_empty();
        let by_time = request.start_time.is_some();
        let is_ambiguous = (by_sequence && (by_last || by_time))
            || (by_last && (by_time || by_next))
            || !(by_sequence || by_last || by_next || by_time);
        if is_ambiguous || request.batch > 0 || request.max_bytes > 0 {
            return Err(ApiError::BAD_REQUEST.error());
        }
        let found = self.find(request).map_err(crate::publish::store_failed)?;
        let message = found.ok_or_else(|| ApiError::NO_MESSAGE_FOUND.error())?;
        // Others are shown when the log has them.
        if message.sequence > self.store.durable_through()
            && let Some(fault) = self.store.fault()
        {
            return Err(crate::publish::store_failed(fault));
        }
        let headers = if request.no_hdr {
            &[][..]
        } else {
            message.headers()
        };
        Ok(MsgGetResponse {
            message: Some(StoredMessage {
                subject: String::from_utf8_lossy(message.subject()).into_owned(),
                seq: message.sequence,
                hdrs: headers.to_vec(),
                data: message.payload().to_vec(),
                time: api_time(message.time),
            }),
        })
    }

    fn find(&self, request: &MsgGetRequest) -> Result<Option<Message>, StoreError> {
        let from = self.start(request)?;
        if !request.next_by_subj.is_empty() {
            return self.store.next(&Filter::any([&request.next_by_subj]), from);
        }
        if from > 0 {
            return self.store.load(from);
        }
        self.last_by_subject(request.last_by_subj.as_bytes())
    }

    /// Where a request begins: at its sequence or at its time; 0 when it names neither.
    pub(super) fn start(&self, request: &MsgGetRequest) -> Result<u64, StoreError> {
        match request.start_time {
            Some(time) => self.sequence_at(time),
            None => Ok(request.seq),
        }
    }

    pub(super) fn sequence_at(&self, time: nats_api::time::Timestamp) -> Result<u64, StoreError> {
        let nanos = i64::try_from(time.unix_nanos()).unwrap_or(if time.unix_nanos() < 0 {
            i64::MIN
        } else {
            i64::MAX
        });
        self.store.sequence_at(nats_store::Timestamp(nanos))
    }

    /// The last message of a subject, or of all that match a pattern.
    pub(super) fn last_by_subject(&self, of: &[u8]) -> Result<Option<Message>, StoreError> {
        if subject::has_wildcard(of) {
            return self.store.previous(&Filter::any([of]), u64::MAX);
        }
        match self.store.subject(of) {
            Some(state) => self.store.load(state.last_sequence),
            None => Ok(None),
        }
    }
}
