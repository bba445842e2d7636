//! The I/O thread: it owns every connection, sends the calls of many at once, and brings the answers back.
//!
//! It knows no operation and no Python: ids, bytes and words go in and out.

mod backoff;
mod config;
mod engine;
mod failed;
mod keeper;
mod lane;
mod link;
mod listening;
mod mailbox;
mod renewing;
mod reply;
mod shared;
mod signal;
mod socket;
mod talk;
mod thread;
mod tls;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use config::{Address, Config};
pub use failed::CallFailed;
pub use keeper::Keeper;
pub use listening::Channel;
pub use mailbox::{Letters, Mailbox, Outcome};
pub use tls::{Identity, Tls};

use crate::request::{Answer, Request};
use engine::Engine;
use reply::Reply;
use shared::Shared;
use socket::Dialer;
use thread::IoThread;

/// The way to one server, shared by the threads and event loops of a process.
///
/// Making one starts nothing: the thread starts with the first call.
pub struct Transport {
    shared: Option<Arc<Shared>>,
    dialer: Dialer,
    running: Mutex<Option<Running>>,
    process: u32,
}

struct Running {
    thread: Arc<IoThread>,
    ended: watch::Receiver<bool>,
}

impl Transport {
    /// Make one.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub fn new(config: Config) -> Result<Self, String> {
        // Where the process has chosen another provider already, that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            dialer: Dialer::new(&config)?,
            shared: Some(Arc::new(Shared::new(config))),
            running: Mutex::default(),
            process: std::process::id(),
        })
    }

    fn shared(&self) -> &Arc<Shared> {
        // Only `drop` takes it out.
        self.shared.as_ref().unwrap_or_else(|| unreachable!())
    }

    /// Make a mailbox for an event loop.
    ///
    /// # Errors
    ///
    /// The process has no descriptor left.
    pub fn mailbox(&self) -> io::Result<Arc<Mailbox>> {
        self.shared().mailbox()
    }

    /// Put a call into the queue and return its number; it goes out with the next [`flush`](Self::flush).
    pub fn call(&self, mailbox: &Arc<Mailbox>, request: Request) -> u64 {
        let shared = self.shared();
        let number = shared.next_number();
        shared.push(Reply::to_loop(mailbox, number), request);
        number
    }

    /// Send what is in the queue.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn flush(&self) -> io::Result<()> {
        self.start()?;
        self.shared().ring();
        Ok(())
    }

    /// Remember what an operation was told of the time: it rules the keepers.
    pub fn tell(&self, now: Option<u64>) {
        self.shared().keepers.tell(now);
    }

    /// Make the keeper of a worker's leases; it keeps them while somebody has it.
    #[must_use]
    pub fn keeper(&self, worker: &str, lease_ms: u64, max_stall_ms: u64) -> Arc<Keeper> {
        self.shared().keepers.add(worker, lease_ms, max_stall_ms)
    }

    /// A worker's loop is alive, and takes up runs that begin soon.
    pub fn beat(&self, worker: &str) {
        self.shared().keepers.beat(worker);
    }

    /// Hear these channels; every mailbox is told.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn listen(&self, channels: impl IntoIterator<Item = Channel>) -> io::Result<()> {
        self.shared().listening.begin(channels);
        self.start()
    }

    /// Hear them no more.
    pub fn hush(&self, channels: impl IntoIterator<Item = Channel>) {
        self.shared().listening.end(channels);
    }

    /// Return the number of a call that is answered once everything wished for is heard.
    pub fn when_heard(&self, mailbox: &Arc<Mailbox>) -> u64 {
        let number = self.shared().next_number();
        self.shared()
            .listening
            .when_heard(Reply::to_loop(mailbox, number));
        number
    }

    /// End everything; return the number of a call that is answered when it has ended.
    pub fn close(&self, mailbox: &Arc<Mailbox>) -> u64 {
        let shared = self.shared();
        let number = shared.next_number();
        let reply = Reply::to_loop(mailbox, number);
        shared.close();
        shared.listening.close();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Running { thread, mut ended }) = running.take() {
            Arc::clone(&thread).spawn(async move {
                // The sender is dropped with the tasks: they have ended either way.
                let _ = ended.wait_for(|ended| *ended).await;
                reply.answer_now(Ok(Answer::Done));
                drop(thread);
            });
        } else {
            for (reply, _) in shared.lanes().flat_map(|lane| lane.close()) {
                reply.answer_now(Err(CallFailed::Closed));
            }
            reply.answer_now(Ok(Answer::Done));
        }
        number
    }

    fn start(&self) -> io::Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() || *self.shared().closing().borrow() {
            return Ok(());
        }
        let thread = IoThread::share()?;
        let (end, ended) = watch::channel(false);
        let (shared, dialer) = (Arc::clone(self.shared()), self.dialer.clone());
        thread.spawn(async move {
            serve(shared, dialer).await;
            end.send_replace(true);
        });
        *running = Some(Running { thread, ended });
        Ok(())
    }
}

/// Run every task of a transport until it is closed.
async fn serve(shared: Arc<Shared>, dialer: Dialer) {
    let mut tasks = JoinSet::new();
    for lane in shared.lanes() {
        let (shared, lane, dialer) = (Arc::clone(&shared), Arc::clone(lane), dialer.clone());
        tasks.spawn(again_after_panic(Arc::clone(&shared), move || {
            Engine::new(&shared, &lane, dialer.clone()).run()
        }));
    }
    let of = (Arc::clone(&shared), dialer);
    tasks.spawn(again_after_panic(Arc::clone(&shared), move || {
        listening::listen(Arc::clone(&of.0), of.1.clone())
    }));
    let of = Arc::clone(&shared);
    tasks.spawn(again_after_panic(shared, move || {
        renewing::renew(Arc::clone(&of))
    }));
    while tasks.join_next().await.is_some() {}
}

/// Run a task, and begin it again where a defect ended it; those whose calls it held have been told.
async fn again_after_panic<F: Future<Output = ()>>(shared: Arc<Shared>, task: impl Fn() -> F) {
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        if *shared.closing().borrow() {
            return;
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.shared().close();
            return;
        }
        // What a fork copied may be locked by a thread that stayed in the parent: nothing of it is ever touched.
        std::mem::forget(self.shared.take());
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::forget(running.take());
    }
}
