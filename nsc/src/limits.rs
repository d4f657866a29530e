//! Bounds of what is read and named.

/// Largest file of a store that is read, in bytes: the largest token is 1 MiB.
pub const FILE_BYTES_MAX: u64 = 2 << 20;
/// Largest file of desired state that is read, in bytes.
pub const DESIRED_BYTES_MAX: u64 = 8 << 20;
/// Largest backup that is read, in bytes: some 50,000 accounts.
pub const BACKUP_BYTES_MAX: u64 = 256 << 20;
/// Largest file of tokens, one a line, that `validate --file` reads, in bytes.
pub const TOKENS_BYTES_MAX: u64 = 64 << 20;
/// Largest file that is signed, verified, sealed or opened, in bytes: it is held in memory.
pub const MESSAGE_BYTES_MAX: u64 = 1 << 30;
/// Age at which a file that was written beside another one belongs to nobody any more.
pub const LEFT_OVER_AFTER: std::time::Duration = std::time::Duration::from_secs(60 * 60);
/// Longest name of an operator, account or user, in bytes: with `.creds.PID-NUMBER.tmp` behind it a file's name.
pub const NAME_BYTES_MAX: usize = 200;
/// Most files that one import or `fix` looks at.
pub const FOUND_FILES_MAX: usize = 100_000;
/// How deep directories are searched.
pub const SEARCH_DEPTH_MAX: usize = 16;
/// Longest answer of an account server, in bytes.
pub const HTTP_BYTES_MAX: usize = 4 << 20;
/// How long an account server may take, in seconds.
pub const HTTP_SECONDS_MAX: u64 = 15;
/// Most messages of accounts that one `pull` takes.
pub const PULLED_ACCOUNTS_MAX: usize = 1_000_000;
/// Longest answer of an external signer, in bytes.
pub const SIGNER_BYTES_MAX: usize = 64 << 10;
/// How long an external signer has for an answer, in seconds: somebody may have to touch a token or type a PIN.
pub const SIGNER_SECONDS: u64 = 60;
/// How long the end of what a signer says on standard error is awaited after it has ended.
pub const SIGNER_LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(200);
/// How long a signal that ends nsc may wait while a signer works.
pub const SIGNER_LOOK: std::time::Duration = std::time::Duration::from_millis(50);
/// The longest that `NSC_SIGNER_TIMEOUT` may give it.
pub const SIGNER_SECONDS_MAX: u64 = 3600;
/// Most users that one line of a report names.
pub const USERS_NAMED_MAX: usize = 10;
/// How long the temporary user of `push` and `pull` is good, in seconds.
pub const PUSH_USER_SECONDS: i64 = 120;
