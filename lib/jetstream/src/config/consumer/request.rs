//! The subject of a create request says names and a filter too; it has to say the same as the body.

use nats_api::errors::ApiError;
use nats_api::jetstream::ConsumerCreateRequest;

/// The three forms of the subject, behind `$JS.API.CONSUMER.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// `CREATE.<stream>`: the server chooses a name, unless the body has one.
    Unnamed { stream: &'a str },
    /// `DURABLE.CREATE.<stream>.<consumer>`.
    Durable { stream: &'a str, consumer: &'a str },
    /// `CREATE.<stream>.<consumer>[.<filter>]`.
    Named {
        stream: &'a str,
        consumer: &'a str,
        filter: Option<&'a str>,
    },
}

/// Compares the subject with the body and takes the name over.
///
/// # Errors
/// 10056, 10127, 10018, 10017, 10020, 10137, 10131, in this order.
pub fn read(form: Form<'_>, request: &mut ConsumerCreateRequest) -> Result<(), ApiError> {
    let config = &mut request.config;
    let (stream, consumer, filter) = match form {
        Form::Unnamed { stream } => (stream, config.name.as_str(), None),
        Form::Durable { stream, consumer } => (stream, consumer, None),
        Form::Named {
            stream,
            consumer,
            filter,
        } => (stream, consumer, filter),
    };
    if stream != request.stream_name {
        return Err(ApiError::STREAM_MISMATCH.error());
    }
    if consumer.contains(['\\', '/']) {
        return Err(ApiError::CONSUMER_NAME_CONTAINS_PATH_SEPARATORS.error());
    }
    let durable = config.durable_name.as_str();
    match form {
        Form::Unnamed { .. } if !durable.is_empty() => {
            return Err(ApiError::CONSUMER_EPHEMERAL_WITH_DURABLE_NAME.error());
        }
        Form::Unnamed { .. } => {}
        Form::Durable { .. } if durable.is_empty() => {
            return Err(ApiError::CONSUMER_DURABLE_NAME_NOT_SET.error());
        }
        Form::Durable { consumer, .. } | Form::Named { consumer, .. } => {
            if !durable.is_empty() && consumer != durable {
                return Err(ApiError::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT.error());
            }
            consumer.clone_into(&mut config.name);
        }
    }
    if let Some(filter) = filter {
        if !config.filter_subjects.is_empty() {
            return Err(ApiError::CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED.error());
        }
        if config.filter_subject != filter {
            return Err(ApiError::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH.error());
        }
    }
    Ok(())
}
