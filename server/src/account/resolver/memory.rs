use std::collections::BTreeMap;

use parking_lot::RwLock;

use super::{FetchError, Resolver, StoreError};

/// Tokens that the configuration brings.
#[derive(Default)]
pub struct Memory(RwLock<BTreeMap<String, String>>);

impl Memory {
    pub fn new(tokens: BTreeMap<String, String>) -> Self {
        Self(RwLock::new(tokens))
    }
}

impl Resolver for Memory {
    fn fetch(&self, account: &str) -> Result<String, FetchError> {
        let token = self.0.read().get(account).cloned();
        token.ok_or(FetchError::NotFound)
    }

    fn store(&self, account: &str, token: &str) -> Result<bool, StoreError> {
        let old = self.0.write().insert(account.to_owned(), token.to_owned());
        Ok(old.as_deref() != Some(token))
    }
}
