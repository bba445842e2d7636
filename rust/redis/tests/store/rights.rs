//! A user without rights to channels loses notifications, and nothing else.

use std::sync::Arc;

use asyncendpoints_core::answer::{Cancellation, Enqueued};
use asyncendpoints_redis::request::{Answer, Operation};

use crate::asking::{NOW, id, job};
use crate::checking::{claim, findings};
use crate::server::Server;

fn facts(server: &mut Server) -> Vec<(String, String)> {
    match server.ask(Operation::Inspect, NOW) {
        Answer::Facts(facts) => facts,
        other => panic!("{other:?}"),
    }
}

fn fact(facts: &[(String, String)], name: &str) -> Option<String> {
    let found = facts.iter().find(|(fact, _)| fact == name);
    found.map(|(_, value)| value.clone())
}

#[test]
fn what_is_written_holds_where_nobody_may_be_told() {
    let mut server = Server::start();
    server.command(&[b"ACL", b"SETUSER", b"default", b"resetchannels"]);
    // Claimers who found nothing would be told of the job, and whoever watches it and runs it of its cancellation.
    assert_eq!(claim(&mut server, "default", NOW).claims, []);
    let answers = server.enqueue(vec![job(1)], None, NOW);
    assert!(matches!(answers[..], [Enqueued::Created(_)]), "{answers:?}");
    assert_eq!(claim(&mut server, "default", NOW).claims.len(), 1);
    let watch = Operation::Watch {
        id: id(1),
        version: 9,
    };
    server.ask(watch, NOW);
    let Answer::Cancellation(cancellation) = server.ask(Operation::Cancel(id(1)), NOW) else {
        panic!("no cancellation");
    };
    assert!(matches!(*cancellation, Cancellation::Requested(_)));
    let pause = |paused| Operation::Pause {
        queue: Arc::from("default"),
        paused,
    };
    server.ask(pause(true), NOW);
    server.ask(pause(false), NOW);
    assert_eq!(findings(&mut server, 100), Vec::<String>::new());
}

#[test]
fn the_server_tells_which_rights_to_channels_are_lacking() {
    let mut server = Server::start();
    let told = facts(&mut server);
    assert_eq!(fact(&told, "user").as_deref(), Some("default"));
    assert_eq!(fact(&told, "channels").as_deref(), Some("{test.0}:db0:"));
    assert_eq!(fact(&told, "publish"), None);
    assert_eq!(fact(&told, "subscribe"), None);
    server.command(&[b"ACL", b"SETUSER", b"default", b"-subscribe"]);
    let told = facts(&mut server);
    assert_eq!(fact(&told, "publish"), None);
    assert_eq!(fact(&told, "subscribe").as_deref(), Some("refused"));
    server.command(&[b"ACL", b"SETUSER", b"default", b"resetchannels", b"-acl"]);
    let told = facts(&mut server);
    assert_eq!(fact(&told, "publish").as_deref(), Some("refused"));
    assert_eq!(fact(&told, "user"), None);
}
