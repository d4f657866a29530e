//! Shim until `nats_proto::nuid` has landed.

pub(crate) fn next() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(22)
        .collect()
}
