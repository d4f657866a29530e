#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_fuzz::subjects_and_transforms::check(data));
