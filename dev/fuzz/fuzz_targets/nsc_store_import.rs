#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_fuzz::nsc_store_import::check(data));
