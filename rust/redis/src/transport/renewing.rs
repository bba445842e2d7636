//! The renewals: every third of a lease, whatever the event loops do (LSE-3a, LSE-3b).

use std::sync::Arc;

use asyncendpoints_core::answer::Renewal;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::keeper::Keeper;
use super::shared::{Shared, closed};
use crate::request::{Answer, Notice, Operation};

/// Renew until the transport is closed.
pub(crate) async fn renew(shared: Arc<Shared>) {
    let mut closing = shared.closing();
    let mut renewed_at = Instant::now();
    loop {
        let every = shared
            .keepers
            .all()
            .iter()
            .map(|keeper| keeper.every())
            .min();
        let next = async {
            match every {
                Some(every) => sleep_until(renewed_at + every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = next => {
                renewed_at = Instant::now();
                let keepers = shared.keepers.all();
                join_all(keepers.iter().map(|keeper| renew_all(&shared, keeper))).await;
            }
            () = shared.keepers.changed() => {}
            () = closed(&mut closing) => return,
        }
    }
}

async fn renew_all(shared: &Shared, keeper: &Keeper) {
    // Under a virtual clock the sweep renews: this thread's time is another.
    if shared.keepers.is_virtual() {
        return;
    }
    let leases = keeper.renewable(None);
    if leases.is_empty() {
        return;
    }
    let operation = Operation::Renew {
        leases: leases.clone(),
        lease_ms: keeper.lease_ms(),
    };
    // Without an answer the leases are asked for again the next time.
    let Some(Ok(Answer::Renewed(answers))) = shared.renew(operation).await else {
        return;
    };
    let mut notices = Vec::new();
    let mut stale = Vec::new();
    for (lease, answer) in leases.into_iter().zip(answers) {
        match answer {
            Renewal::Renewed => {}
            Renewal::Stale => stale.push(lease),
            Renewal::CancelRequested => notices.push(Notice::Cancel {
                worker: Arc::clone(keeper.worker()),
                id: lease.0,
                fence: lease.1,
            }),
        }
    }
    keeper.release(stale);
    shared.announce(notices);
}
