#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_fuzz::desired_state::check(data));
