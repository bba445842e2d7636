//! The loop of the I/O thread: takes what waits, sends it, and brings the answers back.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::{Pipeline, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::backoff::Backoff;
use super::failed::CallFailed;
use super::lane::Lane;
use super::link::{Broken, Link, told};
use super::mailbox::Sorting;
use super::shared::{self, Shared};
use super::socket::Dialer;
use super::talk::{Landed, Talk};
use crate::operations::batch::merge;
use crate::request::Operation;

/// How often deadlines are looked at while somebody waits.
const TICK: Duration = Duration::from_millis(50);
/// How many calls go out at once at most; the rest follows in another pipeline.
const MOST_CALLS: usize = 500;
/// After how many bytes of calls another pipeline begins, so that the replies to the first are not held up.
const MOST_BYTES: usize = 1 << 20;
/// How many bytes of calls are under way at most; the rest waits here, where it may still be given up.
const WINDOW: usize = 8 << 20;
/// How many bytes a second a network carries at least, also those that a socket has taken into buffers nobody sees.
const SLOWEST: usize = 512 << 10;

type Replies = (u64, RedisResult<Vec<Value>>);
type Flying = Pin<Box<dyn Future<Output = Replies> + Send>>;
type Opening = Pin<Box<dyn Future<Output = Result<Link, Broken>> + Send>>;

/// What the engine waits for.
enum Event {
    Landed(Replies),
    Opened(Result<Link, Broken>),
    Rung,
    Rested,
    Tick,
}

/// Calls that were sent together.
struct Flight {
    talks: Vec<Talk>,
    bytes: usize,
}

/// Serves one lane.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    dialer: Dialer,
    closing: watch::Receiver<bool>,
    link: Option<Link>,
    opening: Option<Opening>,
    backoff: Backoff,
    /// Why there is no connection, as the last attempt had it.
    trouble: Arc<str>,
    /// To be sent, in order.
    waiting: VecDeque<Talk>,
    /// Not before this, after the server has asked for patience.
    pause: Option<Instant>,
    flights: BTreeMap<u64, Flight>,
    flying: FuturesUnordered<Flying>,
    flown: u64,
    /// When a byte was last seen to move, as far as anything is under way.
    alive_at: Instant,
    /// How many bytes the connection had moved by then.
    moved: u64,
    ticks: Interval,
    sorting: Sorting,
}

impl Engine {
    pub(crate) fn new(shared: &Arc<Shared>, lane: &Arc<Lane>, dialer: Dialer) -> Self {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            shared: Arc::clone(shared),
            lane: Arc::clone(lane),
            dialer,
            closing: shared.closing(),
            link: None,
            opening: None,
            backoff: Backoff::default(),
            trouble: "no attempt has been made".into(),
            waiting: VecDeque::new(),
            pause: None,
            flights: BTreeMap::new(),
            flying: FuturesUnordered::new(),
            flown: 0,
            alive_at: Instant::now(),
            moved: 0,
            ticks,
            sorting: Sorting::default(),
        }
    }

    /// Serve until the transport is closed.
    pub(crate) async fn run(mut self) {
        loop {
            self.take();
            self.launch();
            self.sorting.deliver();
            let busy = !self.waiting.is_empty() || !self.flights.is_empty();
            let event = tokio::select! {
                biased;
                () = shared::closed(&mut self.closing) => break,
                Some(replies) = self.flying.next(), if !self.flying.is_empty() => Event::Landed(replies),
                opened = opened(&mut self.opening) => Event::Opened(opened),
                () = self.lane.ready() => Event::Rung,
                () = until(self.pause) => Event::Rested,
                _ = self.ticks.tick(), if busy => Event::Tick,
            };
            match event {
                Event::Landed((number, replies)) => self.land(number, replies),
                Event::Opened(opened) => self.opened(opened),
                Event::Rung => {}
                Event::Rested => self.pause = None,
                Event::Tick => self.look_at_the_clock(),
            }
        }
        self.end();
    }

    fn take(&mut self) {
        let items = self.lane.take();
        if items.is_empty() {
            return;
        }
        let deadline = Instant::now() + self.shared.config.timeout;
        for merged in merge(items) {
            if let Operation::ReleaseClaim { claim_id } = &merged.request.operation {
                self.withdraw(claim_id);
            }
            let talk = Talk::new(&self.shared.space, merged, deadline);
            self.go_on(talk.begin());
        }
    }

    /// A claim is given back: from now on it must not begin any runs, as it would where it had to be sent once more.
    fn withdraw(&mut self, claim_id: &str) {
        for talk in flying(&mut self.flights).chain(&mut self.waiting) {
            if talk.is_claim(claim_id) {
                talk.give_up(&CallFailed::TimedOut, &mut self.sorting);
            }
        }
        self.waiting.retain(Talk::is_wanted);
    }

    /// Do what a step says.
    fn go_on(&mut self, landed: Landed) {
        match landed {
            Landed::Again(talk) => self.waiting.push_back(talk),
            // What is wrong with one of them must not fail the others. All of them may be done twice (SUB-3).
            Landed::Over(talk, Err(CallFailed::Operation(_))) if talk.is_shared() => {
                let space = Arc::clone(&self.shared.space);
                for talk in talk.apart(&space) {
                    self.go_on(talk.begin());
                }
            }
            Landed::Over(talk, outcome) => talk.answer(outcome, &mut self.sorting),
            Landed::Later(talk, reason) => {
                self.trouble = reason;
                self.waiting.push_back(talk);
                // What was sent together is refused together.
                if self.pause.is_none() {
                    self.pause = Some(Instant::now() + self.backoff.pause());
                }
            }
            Landed::Elsewhere(talk, reason) => {
                self.waiting.push_back(talk);
                if self.link.is_some() {
                    self.fall(reason);
                    self.backoff.failed();
                }
            }
        }
    }

    /// Send what waits, in as few pipelines as possible.
    fn launch(&mut self) {
        if self.pause.is_some() {
            return;
        }
        while !self.waiting.is_empty() && self.under_way() < WINDOW {
            let Some(link) = self.link.clone() else {
                self.open();
                return;
            };
            self.launch_some(link);
        }
    }

    fn launch_some(&mut self, mut link: Link) {
        let mut pipeline = Pipeline::new();
        let mut talks = Vec::with_capacity(self.waiting.len());
        let mut bytes = 0;
        while pipeline.len() < MOST_CALLS
            && bytes < MOST_BYTES
            && let Some(mut talk) = self.waiting.pop_front()
        {
            for (call, whole) in talk.open_calls() {
                pipeline.add_command(link.command(call, whole));
            }
            bytes += talk.size();
            talk.sent();
            talks.push(talk);
        }
        if let Some(wait) = self.lane.confirmation(self.shared.config.timeout) {
            pipeline.add_command(wait);
        }
        self.flown += 1;
        let number = self.flown;
        if self.flights.is_empty() {
            self.alive_at = Instant::now();
        }
        self.flights.insert(number, Flight { talks, bytes });
        self.flying.push(Box::pin(
            async move { (number, link.send(&pipeline).await) },
        ));
    }

    fn land(&mut self, number: u64, replies: RedisResult<Vec<Value>>) {
        let mut replies = match replies {
            Ok(replies) => replies,
            Err(error) => return self.fall(told(&error)),
        };
        // A flight that is not known any more belonged to a connection that has been given up.
        let Some(flight) = self.flights.remove(&number) else {
            return;
        };
        self.alive_at = Instant::now();
        let lacking = self.lane.lacking(&mut replies);
        let mut replies = replies.into_iter();
        let mut is_served = true;
        for talk in flight.talks {
            let landed = talk.land(&mut replies, &self.shared.keepers);
            let landed = match (landed, &lacking) {
                (Landed::Over(talk, Ok(_)), Some(failed)) => {
                    Landed::Over(talk, Err(failed.clone()))
                }
                (landed, _) => landed,
            };
            is_served &= !matches!(landed, Landed::Later(..) | Landed::Elsewhere(..));
            self.go_on(landed);
        }
        if is_served {
            self.backoff.reset();
        }
    }

    fn open(&mut self) {
        if self.opening.is_some() {
            return;
        }
        let dialer = self.dialer.clone();
        let space = Arc::clone(&self.shared.space);
        let patience = self.shared.opening(&self.lane);
        let begin = self.backoff.next_attempt();
        self.opening = Some(Box::pin(async move {
            sleep_until(begin).await;
            Link::open(&dialer, &space, patience).await
        }));
    }

    fn opened(&mut self, opened: Result<Link, Broken>) {
        self.opening = None;
        match opened {
            Ok(link) => {
                self.moved = link.moved();
                self.link = Some(link);
            }
            Err(Broken::Away(reason)) => {
                self.backoff.failed();
                self.trouble = reason;
            }
            Err(Broken::Unfit(failed)) => {
                self.backoff.failed();
                for talk in std::mem::take(&mut self.waiting) {
                    talk.answer(Err(failed.clone()), &mut self.sorting);
                }
            }
        }
    }

    /// The connection is gone, or gone silent: what may be repeated waits for the next one.
    fn fall(&mut self, reason: Arc<str>) {
        self.link = None;
        self.backoff.fell();
        self.flying = FuturesUnordered::new();
        let flights = std::mem::take(&mut self.flights);
        let later = std::mem::take(&mut self.waiting);
        for talk in flights.into_values().flat_map(|flight| flight.talks) {
            if talk.may_repeat() {
                if let Some(landed) = talk.restart(&self.shared.space) {
                    self.go_on(landed);
                }
            } else {
                let lost = CallFailed::Lost(Arc::clone(&reason));
                talk.answer(Err(lost), &mut self.sorting);
            }
        }
        self.waiting.extend(later);
        self.trouble = reason;
    }

    /// About how many bytes of calls have no reply yet.
    fn under_way(&self) -> usize {
        self.flights.values().map(|flight| flight.bytes).sum()
    }

    /// While bytes flow, what is under way takes as long as it takes, and so does what waits for room behind it.
    fn see_bytes(&mut self, now: Instant) {
        let Some(moved) = self.link.as_ref().map(Link::moved) else {
            return;
        };
        if moved == self.moved {
            return;
        }
        self.moved = moved;
        self.alive_at = now;
        let under_way = self.under_way();
        let deadline = now + self.shared.config.timeout + in_buffers(under_way);
        let queued = (under_way >= WINDOW).then_some(&mut self.waiting);
        for talk in flying(&mut self.flights).chain(queued.into_iter().flatten()) {
            talk.prolong(deadline);
        }
    }

    fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        self.see_bytes(now);
        let patience = self.shared.patience(&self.lane) + in_buffers(self.under_way());
        if !self.flights.is_empty() && now - self.alive_at > patience {
            self.fall("the server went silent".into());
        }
        let unreachable = CallFailed::Unreachable {
            address: self.shared.config.address.to_string(),
            reason: Arc::clone(&self.trouble),
        };
        let late = |talk: &Talk| talk.deadline <= now;
        if self.waiting.iter().any(late) {
            for talk in std::mem::take(&mut self.waiting) {
                if late(&talk) {
                    talk.answer(Err(unreachable.clone()), &mut self.sorting);
                } else {
                    self.waiting.push_back(talk);
                }
            }
        }
        for talk in flying(&mut self.flights).filter(|talk| late(talk)) {
            talk.give_up(&CallFailed::TimedOut, &mut self.sorting);
        }
    }

    /// Tell everybody that it is over.
    fn end(mut self) {
        let flying = self.flights.into_values().flat_map(|flight| flight.talks);
        for talk in self.waiting.into_iter().chain(flying) {
            talk.answer(Err(CallFailed::Closed), &mut self.sorting);
        }
        for (reply, _) in self.lane.close() {
            reply.answer(Err(CallFailed::Closed), &mut self.sorting);
        }
        self.sorting.deliver();
    }
}

/// What has been sent, and has no reply.
fn flying(flights: &mut BTreeMap<u64, Flight>) -> impl Iterator<Item = &mut Talk> {
    flights.values_mut().flat_map(|flight| &mut flight.talks)
}

/// How long so many bytes may be on their way.
fn in_buffers(bytes: usize) -> Duration {
    Duration::from_millis((bytes.min(WINDOW) * 1000 / SLOWEST) as u64)
}

async fn opened(opening: &mut Option<Opening>) -> Result<Link, Broken> {
    match opening {
        Some(opening) => opening.await,
        None => pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
