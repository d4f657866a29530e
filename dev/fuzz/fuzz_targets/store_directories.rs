#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_fuzz::store_directories::check(data));
