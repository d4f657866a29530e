#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_fuzz::nkeys_and_creds::check(data));
