//! The thread of the system account, and the queue before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nats_api::system::subjects;
use parking_lot::Mutex;

use super::ask::{Ask, ClaimsAsk, ServerVerb};
use super::desk::{Answer, Desk, Request, document};
use super::encoding::encoded;
use super::events::{Gone, Told};
use super::heartbeat::Heartbeat;
use super::outlet::Outlet;
use crate::limits;
use crate::monitor::ClientView;
use crate::ocsp::{Described, InvalidLink};
use crate::options::GLOBAL_ACCOUNT;

/// What is to be done, in the order in which it happened.
enum Job {
    Answer {
        ask: Ask,
        request: Request,
        reply: Option<String>,
    },
    /// Lines out of another server's folder of tokens, each with its end. They come by the thousand at once, and none may be lost: nobody asks
    /// again.
    Tokens(Request),
    Connected(Arc<dyn ClientView>),
    Disconnected(Arc<dyn ClientView>, Gone),
    Refused(Arc<dyn ClientView>, Gone, Option<Told>),
    CertificateInvalid(InvalidLink),
    CertificateRejected(Described, &'static str),
    LameDuck,
    Shutdown,
}

impl Job {
    fn folder_bytes(&self) -> Option<usize> {
        match self {
            Self::Tokens(lines) => Some(lines.body.len()),
            _ => None,
        }
    }
}

/// What waits in the queue. The bounds are kept here: a bounded queue of the library takes a megabyte for its places at the start.
#[derive(Default)]
struct Waiting {
    jobs: AtomicUsize,
    /// Bytes of tokens out of other servers' folders, which are not among the jobs.
    folder_bytes: AtomicUsize,
    /// It was said that there was no room for them.
    folder_was_too_large: AtomicBool,
}

impl Waiting {
    /// The counter that a job belongs to, by how much it grows, and the most that it may hold.
    fn share(&self, job: &Job) -> (&AtomicUsize, usize, usize) {
        match job.folder_bytes() {
            Some(bytes) => (&self.folder_bytes, bytes, limits::FOLDER_WAITING_BYTES_MAX),
            None => (&self.jobs, 1, limits::SYSTEM_JOBS_MAX),
        }
    }

    /// Makes room for a job, if there is some.
    fn enter(&self, job: &Job) -> bool {
        let (counter, size, most) = self.share(job);
        let fits = counter.fetch_add(size, Ordering::Relaxed) < most;
        if !fits {
            counter.fetch_sub(size, Ordering::Relaxed);
        }
        fits
    }

    fn leave(&self, job: &Job) {
        let (counter, size, _) = self.share(job);
        counter.fetch_sub(size, Ordering::Relaxed);
    }
}

/// The handle of the system account's thread. Everything it is told is done in order, but for tokens out of other servers' folders;
/// nothing here blocks but [`SystemAccount::shutdown`].
pub struct SystemAccount {
    jobs: Sender<Job>,
    waiting: Arc<Waiting>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SystemAccount {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(desk: Desk, outlet: Arc<dyn Outlet>) -> std::io::Result<Self> {
        let (jobs, queue) = channel();
        let waiting = Arc::new(Waiting::default());
        let worker = Worker {
            waiting: waiting.clone(),
            desk,
            outlet,
            heartbeat: Heartbeat::new(Instant::now()),
        };
        let thread = std::thread::Builder::new()
            .name("system".into())
            .spawn(move || worker.run(&queue))?;
        Ok(Self {
            jobs,
            waiting,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// A request came in. It is dropped when too many wait or when it is too long: the asker times out, as with a lost one.
    pub fn ask(&self, ask: Ask, mut request: Request, reply: Option<String>) {
        let max = match ask {
            Ask::Claims(_) => limits::CLAIMS_REQUEST_BYTES_MAX,
            _ => limits::SYSTEM_REQUEST_BYTES_MAX,
        };
        if request.body.len() > max {
            tracing::debug!("request on {:?} is too long", request.subject);
            return;
        }
        self.push(match ask {
            // An empty message ends the answers.
            Ask::Claims(ClaimsAsk::Merge) if request.body.is_empty() => return,
            Ask::Claims(ClaimsAsk::Merge) => {
                request.body.push(b'\n');
                Job::Tokens(request)
            }
            ask => Job::Answer {
                ask,
                request,
                reply,
            },
        });
    }

    pub fn connected(&self, client: Arc<dyn ClientView>) {
        self.push(Job::Connected(client));
    }

    pub fn disconnected(&self, client: Arc<dyn ClientView>, gone: Gone) {
        self.push(Job::Disconnected(client, gone));
    }

    pub fn refused(&self, client: Arc<dyn ClientView>, gone: Gone, told: Option<Told>) {
        self.push(Job::Refused(client, gone, told));
    }

    /// A certificate that a client showed is not good in the eyes of its issuer.
    pub fn certificate_invalid(&self, link: InvalidLink) {
        self.push(Job::CertificateInvalid(link));
    }

    /// A client was sent away because of its certificate.
    pub fn certificate_rejected(&self, peer: Described, reason: &'static str) {
        self.push(Job::CertificateRejected(peer, reason));
    }

    pub fn lame_duck(&self) {
        self.push(Job::LameDuck);
    }

    /// Tells that the server leaves, and ends the thread. Waits for what was queued before, except tokens out of other servers' folders:
    /// those are asked for again at the next start.
    pub fn shutdown(&self) {
        let _ = self.jobs.send(Job::Shutdown);
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }

    #[cold]
    fn no_room_for(&self, job: &Job) {
        tracing::debug!("system account: too much waits, an event or a request was dropped");
        let said = &self.waiting.folder_was_too_large;
        if job.folder_bytes().is_some() && !said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "accounts of another server come faster than they can be kept, some are left out; push them again, or restart this server \
                 so that it asks again"
            );
        }
    }

    fn push(&self, job: Job) {
        if !self.waiting.enter(&job) {
            self.no_room_for(&job);
            return;
        }
        // The thread takes jobs until it is told to end; then nobody wants them any more.
        let _ = self.jobs.send(job);
    }
}

/// What is done next. A token out of another server's folder has to be read, verified and made durable: it waits until nothing else does,
/// so that thousands of them keep nobody waiting, and comes after some others when there is no end of those. Then it takes along those behind
/// it: together they cost hardly more syncs than one.
#[derive(Default)]
struct Backlog {
    tokens: VecDeque<Request>,
    /// Jobs since the last tokens.
    others: usize,
}

impl Backlog {
    /// Waits at most `idle` when there is nothing to do.
    fn next(&mut self, queue: &Receiver<Job>, idle: Duration) -> Result<Job, RecvTimeoutError> {
        loop {
            if self.others >= limits::SYSTEM_JOBS_BEFORE_A_TOKEN
                && let Some(tokens) = self.tokens()
            {
                return Ok(tokens);
            }
            let job = match queue.try_recv() {
                Ok(job) => job,
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => match self.tokens() {
                    Some(tokens) => return Ok(tokens),
                    None => queue.recv_timeout(idle)?,
                },
            };
            match job {
                Job::Tokens(lines) => self.tokens.push_back(lines),
                job => {
                    self.others = self.others.saturating_add(1);
                    return Ok(job);
                }
            }
        }
    }

    fn tokens(&mut self) -> Option<Job> {
        self.others = 0;
        let mut together = self.tokens.pop_front()?;
        for _ in 1..limits::TOKENS_TOGETHER_MAX {
            let room = limits::CLAIMS_REQUEST_BYTES_MAX.saturating_sub(together.body.len());
            match self.tokens.pop_front() {
                Some(next) if next.body.len() <= room => {
                    together.body.extend_from_slice(&next.body);
                }
                Some(next) => {
                    self.tokens.push_front(next);
                    break;
                }
                None => break,
            }
        }
        Some(Job::Tokens(together))
    }
}

struct Worker {
    waiting: Arc<Waiting>,
    desk: Desk,
    outlet: Arc<dyn Outlet>,
    heartbeat: Heartbeat,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Job>) {
        let mut backlog = Backlog::default();
        loop {
            match backlog.next(queue, self.heartbeat.idle(Instant::now())) {
                Ok(Job::Shutdown) => {
                    let subject = subjects::shutdown_event(&self.desk.view.facts().id);
                    return self.tell_system(&subject, |desk| document(&desk.server_info()));
                }
                Ok(job) => {
                    self.waiting.leave(&job);
                    self.work(job);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let due = self.heartbeat.due(Instant::now());
            if due.statsz {
                self.tell_statsz();
            }
            for account in due.accounts {
                self.tell_connections(&account);
            }
        }
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Answer {
                ask,
                request,
                reply,
            } => self.reply(ask, &request, reply),
            Job::Tokens(lines) => {
                drop(self.desk.answer(Ask::Claims(ClaimsAsk::Merge), &lines));
            }
            Job::Connected(client) => {
                let account = account_of(client.as_ref());
                self.tell_connections(&account);
                self.tell_system(&subjects::connect_event(&account), |desk| {
                    document(&desk.connect_event(client.as_ref()))
                });
            }
            Job::Disconnected(client, gone) => {
                let account = account_of(client.as_ref());
                self.tell_connections(&account);
                self.tell_system(&subjects::disconnect_event(&account), |desk| {
                    document(&desk.disconnect_event(client.as_ref(), gone))
                });
            }
            Job::Refused(client, gone, told) => {
                let event = |desk: &Desk| document(&desk.disconnect_event(client.as_ref(), gone));
                // First to the account of the service that has a say, or where the client stood when it was refused, then to the operator.
                match told {
                    Some(told) => self.tell(&told.account, subjects::ACCOUNT_AUTH_ERROR, |desk| {
                        document(&desk.refused_event(client.as_ref(), gone, &told))
                    }),
                    None => {
                        let account = account_of(client.as_ref());
                        self.tell(&account, subjects::ACCOUNT_AUTH_ERROR, event);
                    }
                }
                let subject = subjects::auth_error_event(&self.desk.view.facts().id);
                self.tell_system(&subject, event);
            }
            Job::CertificateInvalid(link) => {
                let subject = subjects::ocsp_link_event(&self.desk.view.facts().id);
                self.tell_system(&subject, |desk| document(&desk.link_event(&link)));
            }
            Job::CertificateRejected(peer, reason) => {
                let subject = subjects::ocsp_reject_event(&self.desk.view.facts().id);
                self.tell_system(&subject, |desk| document(&desk.reject_event(&peer, reason)));
            }
            Job::LameDuck => {
                let subject = subjects::lame_duck_event(&self.desk.view.facts().id);
                self.tell_system(&subject, |desk| document(&desk.server_info()));
            }
            Job::Shutdown => {}
        }
    }

    fn reply(&mut self, ask: Ask, request: &Request, reply: Option<String>) {
        let Some(reply) = reply else {
            // Without a reply subject only the heartbeat has somewhere to go.
            match ask {
                Ask::Server(ServerVerb::Statsz) => self.tell_statsz(),
                // What is pushed counts also when nobody wants to hear so.
                Ask::Claims(_) => drop(self.desk.answer(ask, request)),
                _ => {}
            }
            return;
        };
        let (header, body) = match self.desk.answer(ask, request) {
            Answer::Silence => return,
            Answer::Several(messages) => {
                for body in messages {
                    self.outlet
                        .publish(&request.account, &reply, None, &[], &body);
                }
                return;
            }
            Answer::Body(body) => (Vec::new(), body),
            Answer::Page(body) => encoded(request.encoding, body),
        };
        self.outlet
            .publish(&request.account, &reply, None, &header, &body);
    }

    fn tell_statsz(&self) {
        let subject = subjects::statsz_event(&self.desk.view.facts().id);
        self.tell_system(&subject, |desk| document(&desk.statsz()));
    }

    /// The number of an account's connections, under the old name and the new one. The global account's is not told.
    fn tell_connections(&mut self, name: &str) {
        if name == GLOBAL_ACCOUNT {
            return;
        }
        let account = self.desk.view.account(name);
        let connections = account.as_ref().map_or(0, |a| a.connections);
        self.heartbeat.told(name, connections, Instant::now());
        let Some(account) = account else { return };
        for subject in [
            subjects::account_connections_event_old(name),
            subjects::account_connections_event(name),
        ] {
            self.tell_system(&subject, |desk| {
                document(&desk.account_connections(&account))
            });
        }
    }

    /// Publishes in the system account, if there is one.
    fn tell_system(&self, subject: &str, make: impl FnOnce(&Desk) -> Vec<u8>) {
        let options = self.desk.view.options();
        if let Some(system) = options.system_account_name() {
            self.tell(system, subject, make);
        }
    }

    /// Publishes in an account, if anybody there wants it: most events interest nobody.
    fn tell(&self, account: &str, subject: &str, make: impl FnOnce(&Desk) -> Vec<u8>) {
        if self.outlet.is_wanted(account, subject) {
            self.outlet
                .publish(account, subject, None, &[], &make(&self.desk));
        }
    }
}

fn account_of(client: &dyn ClientView) -> String {
    client
        .who()
        .account
        .as_deref()
        .unwrap_or(GLOBAL_ACCOUNT)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Job {
        Job::Answer {
            ask: Ask::Claims(ClaimsAsk::List),
            request: Request::default(),
            reply: None,
        }
    }

    fn token(bytes: usize) -> Job {
        Job::Tokens(Request {
            body: vec![0; bytes],
            ..Request::default()
        })
    }

    #[test]
    fn a_whole_folder_of_accounts_waits_and_requests_do_not_pile_up() {
        let waiting = Waiting::default();
        let token = token(1_000);
        assert!((0..100_000).all(|_| waiting.enter(&token)));
        let request = listed();
        let most = limits::SYSTEM_JOBS_MAX;
        assert_eq!(
            (0..most + 5).filter(|_| waiting.enter(&request)).count(),
            most
        );
        waiting.leave(&request);
        assert!(waiting.enter(&request) && !waiting.enter(&request));
        assert!(waiting.enter(&token));
    }

    #[test]
    fn a_folder_of_accounts_keeps_no_request_waiting_and_is_not_forgotten() {
        let (jobs, queue) = channel();
        let is_token = |job: Job| job.folder_bytes().is_some();
        let together = limits::TOKENS_TOGETHER_MAX;
        for _ in 0..10 * together {
            jobs.send(token(10)).expect("open");
        }
        for _ in 0..3 {
            jobs.send(listed()).expect("open");
        }
        let mut backlog = Backlog::default();
        let mut next = || backlog.next(&queue, Duration::ZERO).map(is_token);
        assert_eq!(
            [(); 4].map(|()| next()),
            [false, false, false, true].map(Ok)
        );
        // Requests without end: tokens come after so many of them.
        let most = limits::SYSTEM_JOBS_BEFORE_A_TOKEN;
        for _ in 0..2 * most {
            jobs.send(listed()).expect("open");
        }
        let tokens = (0..2 * most + 2).filter(|_| next() == Ok(true)).count();
        assert_eq!(tokens, 2);
        let rest = std::iter::from_fn(|| next().ok()).count();
        assert_eq!(rest, 10 - 1 - 2, "the others in as many parts");
        assert_eq!(next(), Err(RecvTimeoutError::Timeout));
        drop(jobs);
        assert_eq!(next(), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn tokens_that_are_taken_together_are_no_more_than_one_request_may_be() {
        let waiting = Waiting::default();
        let (jobs, queue) = channel();
        for size in [1_000, 2_000, limits::CLAIMS_REQUEST_BYTES_MAX - 3_000, 1, 5] {
            assert!(waiting.enter(&token(size)));
            jobs.send(token(size)).expect("open");
        }
        let mut backlog = Backlog::default();
        let mut next = || {
            let job = backlog.next(&queue, Duration::ZERO).expect("a job");
            waiting.leave(&job);
            job.folder_bytes()
        };
        assert_eq!(next(), Some(limits::CLAIMS_REQUEST_BYTES_MAX));
        assert_eq!(next(), Some(6));
        assert_eq!(waiting.folder_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn folders_without_end_are_not_kept() {
        let waiting = Waiting::default();
        let token = token(1 << 20);
        let most = limits::FOLDER_WAITING_BYTES_MAX >> 20;
        assert_eq!(
            (0..most + 5).filter(|_| waiting.enter(&token)).count(),
            most
        );
        waiting.leave(&token);
        assert!(waiting.enter(&token) && !waiting.enter(&token));
    }
}
