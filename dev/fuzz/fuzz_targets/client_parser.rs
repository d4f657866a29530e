#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_fuzz::client_parser::check(data));
