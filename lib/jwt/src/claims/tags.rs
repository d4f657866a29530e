use serde::{Deserialize, Serialize};

/// Labels of an identity: lower case, without blanks around them, each once. What a token holds is kept as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Vec<String>);

impl Tags {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, tag: &str) -> bool {
        let tag = normal(tag);
        self.0.contains(&tag)
    }

    /// Adds `tag` in its normal form; empty tags and those that are there already are ignored. Whether it was added.
    pub fn add(&mut self, tag: &str) -> bool {
        let tag = normal(tag);
        if tag.is_empty() || self.0.contains(&tag) {
            return false;
        }
        self.0.push(tag);
        true
    }

    /// Whether it was there.
    pub fn remove(&mut self, tag: &str) -> bool {
        let tag = normal(tag);
        let found = self.0.iter().position(|there| *there == tag);
        found.map(|at| self.0.remove(at)).is_some()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Tags {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        let mut all = Self::default();
        for tag in tags {
            all.add(tag.as_ref());
        }
        all
    }
}

fn normal(tag: &str) -> String {
    tag.trim().to_lowercase()
}
