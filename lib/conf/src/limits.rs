//! The bounds of what is accepted. The reference has none; real configurations stay far below.

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Maps and arrays inside each other.
pub const NESTING_MAX: usize = 200;
/// Files including each other.
pub const INCLUDE_DEPTH_MAX: usize = 32;
/// Includes in one document, those of included files counted each time.
pub const INCLUDES_MAX: usize = 1_000;
/// Values in one document, copies made by variables included.
pub const VALUES_MAX: usize = 2_000_000;
/// Environment variables referring to each other.
pub const VARIABLE_DEPTH_MAX: usize = 32;
/// Errors collected before reading stops.
pub const ERRORS_MAX: usize = 100;
