//! The documents of the monitoring pages, one module per page: the page, and the options that choose what is on it.
//!
//! The same documents are the data of `$SYS.REQ.SERVER.<id>.<page>` replies, and the same options their request bodies.
//! Where to start reading: [`Varz`], [`Connz`].

pub mod accountz;
pub mod accstatz;
pub mod connz;
pub mod gatewayz;
pub mod healthz;
pub mod internals;
pub mod jsz;
pub mod leafz;
pub mod raftz;
pub mod routez;
pub mod subsz;
pub mod varz;

pub use accountz::{AccountInfo, Accountz, AccountzOptions};
pub use accstatz::{AccountStat, AccountStatz, AccountStatzOptions, DataStats, MsgBytes};
pub use connz::{ConnInfo, ConnSort, ConnState, Connz, ConnzOptions};
pub use gatewayz::{Gatewayz, GatewayzOptions};
pub use healthz::{Healthz, HealthzError, HealthzOptions};
pub use internals::{Expvarz, Ipqueuesz, IpqueueszOptions, Profilez, ProfilezOptions};
pub use jsz::{Jsz, JszOptions};
pub use leafz::{LeafInfo, Leafz, LeafzOptions};
pub use raftz::{Raftz, RaftzOptions};
pub use routez::{RouteInfo, Routez, RoutezOptions, SubjectPermission};
pub use subsz::{SubDetail, SublistStats, Subsz, SubszOptions};
pub use varz::{PerKind, Varz};

/// How many entries a page has when the request does not say.
pub const DEFAULT_LIMIT: i64 = 1024;
