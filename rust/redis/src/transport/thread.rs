//! The one I/O thread of a process: it lives while a transport does, and a forked child has none.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The process in which the thread was started, and the thread.
static CURRENT: Mutex<(u32, Weak<IoThread>)> = Mutex::new((0, Weak::new()));

/// A running I/O thread; it ends when the last one who holds this lets go.
#[derive(Debug)]
pub(crate) struct IoThread {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
}

impl IoThread {
    /// Take a share in the thread, which is started where there is none.
    ///
    /// Not to be called by the thread itself, nor while another thread of the process may fork.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn share() -> io::Result<Arc<Self>> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some(running) = current.1.upgrade().filter(|_| current.0 == process) {
            return Ok(running);
        }
        let started = Arc::new(Self::start()?);
        let inherited = std::mem::replace(&mut *current, (process, Arc::downgrade(&started)));
        drop(current);
        drop(inherited);
        Ok(started)
    }

    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("asyncendpoints-redis".to_owned())
            .spawn(move || {
                // The sender is dropped, or says so: the end either way.
                let _ = runtime.block_on(ended);
            })?;
        Ok(Self {
            handle,
            end: Some(end),
        })
    }

    /// Run a task on the thread.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // How it ends is seen by what it does, and it cannot be waited for here.
        drop(self.handle.spawn(task));
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            // Where the thread has ended already there is nobody to tell.
            let _ = end.send(());
        }
    }
}
