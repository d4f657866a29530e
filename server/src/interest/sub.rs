//! One subscription.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use nats_proto::transform::Transform;
use parking_lot::Mutex;

use super::{Interest, Receiver};

/// A subscription id as the client chose it; short ones, nearly all, are kept inline.
#[derive(Clone, PartialEq, Eq)]
pub enum Sid {
    Short { len: u8, bytes: [u8; 14] },
    Long(Box<[u8]>),
}

impl Sid {
    pub fn new(sid: &[u8]) -> Self {
        let mut bytes = [0; 14];
        match bytes.get_mut(..sid.len()) {
            Some(room) => {
                room.copy_from_slice(sid);
                Self::Short {
                    len: sid.len() as u8,
                    bytes,
                }
            }
            None => Self::Long(sid.into()),
        }
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Sid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Something inside the server that takes messages: a service, an import, a tracked reply. What it does with them is the
/// business of the room that made it; this room only finds it.
pub trait Hook: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
}

/// Where a subscription's messages go.
#[derive(Clone)]
pub enum Target {
    /// A connection's outbox.
    Receiver(Arc<Receiver>),
    /// Something inside this server.
    Hook(Arc<dyn Hook>),
}

/// A subscription in an account's interest.
///
/// A shadow subscription (stream import) stands in the exporter's interest, points at the importer's receiver, and rewrites
/// the subject on delivery.
pub struct Sub {
    pub subject: Box<[u8]>,
    pub queue: Option<Box<[u8]>>,
    pub sid: Sid,
    pub target: Target,
    /// Set on shadow subscriptions.
    pub shadow: Option<Box<Shadow>>,
    /// Messages delivered. Written under the receiver's outbox lock only, so a load and a store suffice.
    delivered: AtomicU64,
    /// Deliveries after which the subscription ends; 0 is never.
    max: AtomicU64,
    closed: AtomicBool,
    /// Its shadows in other accounts, taken out together with it.
    shadows: Mutex<Option<Box<Shadows>>>,
    /// Position in its set; owned by the index, written under its lock.
    pub(super) slot: AtomicU32,
}

type Shadows = Vec<(Arc<Interest>, Arc<Sub>)>;

/// What makes a subscription a shadow of another.
pub struct Shadow {
    /// From the exporter's subject to the receiver's, first to last; empty keeps it.
    pub rewrite: Vec<Arc<Transform>>,
    /// The subscription the client made; limits and counts are kept there.
    pub origin: Arc<Sub>,
    /// The account whose interest holds this shadow.
    pub account: Arc<str>,
    /// Trace events may cross this import.
    pub allow_trace: bool,
}

impl Sub {
    pub fn new(subject: &[u8], queue: Option<&[u8]>, sid: &[u8], target: Target) -> Self {
        Self {
            subject: subject.into(),
            queue: queue.map(Into::into),
            sid: Sid::new(sid),
            target,
            shadow: None,
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            shadows: Mutex::new(None),
            slot: AtomicU32::new(0),
        }
    }

    /// The shadow of `origin` in another account, under `subject` there.
    pub fn shadow(origin: &Arc<Sub>, subject: &[u8], shadow: Shadow) -> Self {
        let mut sub = Self::new(
            subject,
            origin.queue.as_deref(),
            origin.sid.as_bytes(),
            origin.target.clone(),
        );
        sub.shadow = Some(Box::new(shadow));
        sub
    }

    pub fn receiver(&self) -> Option<&Arc<Receiver>> {
        match &self.target {
            Target::Receiver(r) => Some(r),
            Target::Hook(_) => None,
        }
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    pub fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    pub fn set_max(&self, max: u64) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Counts one delivery. The caller holds the receiver's outbox lock.
    #[inline]
    pub fn count(&self) -> u64 {
        let n = self.delivered.load(Ordering::Relaxed) + 1;
        self.delivered.store(n, Ordering::Relaxed);
        n
    }

    /// Counts `n` deliveries. The caller holds the receiver's outbox lock.
    #[inline]
    pub fn count_more(&self, n: u64) {
        let sum = self.delivered.load(Ordering::Relaxed) + n;
        self.delivered.store(sum, Ordering::Relaxed);
    }

    #[inline]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Remembers a shadow that was put into `interest`.
    pub fn add_shadow(&self, interest: Arc<Interest>, shadow: Arc<Sub>) {
        self.shadows
            .lock()
            .get_or_insert_default()
            .push((interest, shadow));
    }

    /// Takes its shadows out of the other accounts.
    pub fn remove_shadows(&self) {
        let shadows = self.shadows.lock().take();
        for (interest, shadow) in shadows.into_iter().flat_map(|s| *s) {
            shadow.close();
            interest.remove(&shadow);
        }
    }

    /// No more deliveries. True for the first caller.
    pub fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }
}

impl std::fmt::Debug for Sub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sub")
            .field("subject", &String::from_utf8_lossy(&self.subject))
            .field("queue", &self.queue.as_deref().map(String::from_utf8_lossy))
            .field("sid", &self.sid)
            .finish_non_exhaustive()
    }
}
