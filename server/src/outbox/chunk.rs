//! Buffers of outboxes, pooled for the whole process.
//!
//! A connection that has nothing to send holds none. The first chunk of a quiet connection is small, so that ten thousand
//! connections with one PONG each do not hold 64 KiB each.

use parking_lot::Mutex;

use crate::limits::{CHUNK_BYTES, CHUNK_POOL_MAX, FIRST_CHUNK_BYTES};

/// Last in, first out: the chunk used last is the one still in the processor's cache.
static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// An empty buffer with room for at least `len` bytes.
pub fn with_room_for(len: usize, first: bool) -> Vec<u8> {
    if first && len <= FIRST_CHUNK_BYTES {
        return Vec::with_capacity(FIRST_CHUNK_BYTES);
    }
    if len > CHUNK_BYTES {
        return Vec::with_capacity(len);
    }
    if let Some(chunk) = POOL.lock().pop() {
        return chunk;
    }
    Vec::with_capacity(CHUNK_BYTES)
}

/// Gives a buffer back after it was written.
pub fn recycle(mut chunk: Vec<u8>) {
    if chunk.capacity() == CHUNK_BYTES {
        chunk.clear();
        let mut pool = POOL.lock();
        if pool.len() < CHUNK_POOL_MAX {
            pool.push(chunk);
        }
    }
}
