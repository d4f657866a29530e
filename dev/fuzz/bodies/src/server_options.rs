//! The server's settings: any configuration is refused with reasons or understood, always alike, without a panic.
//!
//! The input is as in `config`.

use std::path::Path;

use nats_server::options::{ConfigError, Options, diff};

use crate::config::Files;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (_, files) = Files::of(text);
    let read = || Options::from_file_outside(Path::new("main.conf"), &files);
    let (first, second) = (read(), read());
    match (first, second) {
        (Ok(first), Ok(second)) => {
            let changes = diff(&first.options, &second.options);
            assert!(changes.is_empty(), "{changes:?}");
            let _ = diff(&Options::default(), &first.options);
            let _ = first.options.unavailable();
            // Secrets do not come out of the debug form, whatever the key they stand under.
            let _ = format!("{:?}", first.options);
        }
        (Err(first), Err(second)) => {
            assert!(!first.to_string().is_empty());
            assert_eq!(first, second);
            if let ConfigError::Settings { errors, .. } = first {
                assert!(!errors.is_empty());
            }
        }
        _ => panic!("understood once and refused once"),
    }
}
