//! A descriptor that one thread makes readable and an event loop watches: an eventfd on Linux, a socket pair elsewhere.

use std::io;
use std::os::fd::AsRawFd;

#[cfg(target_os = "linux")]
use self::eventfd as kind;
#[cfg(not(target_os = "linux"))]
use self::pair as kind;

/// The signal. Raising it twice is as good as once.
#[derive(Debug)]
pub(crate) struct Signal(kind::Descriptors);

impl Signal {
    pub(crate) fn new() -> io::Result<Self> {
        kind::Descriptors::new().map(Self)
    }

    /// What the event loop watches.
    pub(crate) fn descriptor(&self) -> i32 {
        self.0.watched().as_raw_fd()
    }

    pub(crate) fn raise(&self) {
        self.0.raise();
    }

    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(crate) fn is_raised(&self) -> bool {
        let watched = self.0.watched();
        let mut polled = [rustix::event::PollFd::new(
            &watched,
            rustix::event::PollFlags::IN,
        )];
        let none = rustix::event::Timespec::default();
        rustix::event::poll(&mut polled, Some(&none)).is_ok_and(|ready| ready == 1)
    }
}

#[cfg(target_os = "linux")]
mod eventfd {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};

    #[derive(Debug)]
    pub(super) struct Descriptors(OwnedFd);

    impl Descriptors {
        pub(super) fn new() -> io::Result<Self> {
            let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
            Ok(Self(eventfd(0, flags)?))
        }

        pub(super) fn watched(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        pub(super) fn raise(&self) {
            // It only fails where the count is full, and is readable then.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(super) fn clear(&self) {
            // It only fails where nothing was raised.
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod pair {
    use std::io::{self, Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;

    #[derive(Debug)]
    pub(super) struct Descriptors {
        watched: UnixStream,
        raising: UnixStream,
    }

    impl Descriptors {
        pub(super) fn new() -> io::Result<Self> {
            let (watched, raising) = UnixStream::pair()?;
            watched.set_nonblocking(true)?;
            raising.set_nonblocking(true)?;
            Ok(Self { watched, raising })
        }

        pub(super) fn watched(&self) -> BorrowedFd<'_> {
            self.watched.as_fd()
        }

        pub(super) fn raise(&self) {
            // It only fails where the buffer is full, and is readable then.
            let _ = (&self.raising).write(&[1]);
        }

        pub(super) fn clear(&self) {
            let mut buffer = [0; 64];
            while matches!((&self.watched).read(&mut buffer), Ok(read) if read == buffer.len()) {}
        }
    }
}
