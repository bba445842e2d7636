//! The table of states is the drawing in the documentation, and nothing else may happen to a job.

use std::collections::BTreeSet;

use asyncendpoints_core::state::{self, Event, Outcome, State, TABLE};

const DOCUMENT: &str = include_str!("../../../docs/states.md");

/// The arrows of the diagram: from, to, and the event where there is one.
fn arrows() -> Vec<(&'static str, &'static str, Option<&'static str>)> {
    let diagram = DOCUMENT
        .split("```mermaid\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let lines = diagram
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.trim().split_once(" --> "));
    lines
        .map(|(from, rest)| match rest.split_once(" : ") {
            Some((to, event)) => (from, to, Some(event)),
            None => (from, rest, None),
        })
        .collect()
}

#[test]
fn the_diagram_is_the_table() {
    let drawn: Vec<_> = arrows()
        .into_iter()
        .filter(|(from, to, _)| *from != "[*]" && *to != "[*]")
        .collect();
    let table: Vec<_> = TABLE
        .iter()
        .map(|edge| {
            (
                edge.from.as_str(),
                edge.to.as_str(),
                Some(edge.event.as_str()),
            )
        })
        .collect();
    assert_eq!(drawn, table);
}

#[test]
fn the_diagram_begins_where_jobs_begin() {
    let drawn: BTreeSet<_> = arrows()
        .into_iter()
        .filter(|arrow| arrow.0 == "[*]")
        .map(|arrow| arrow.1)
        .collect();
    assert_eq!(
        drawn,
        BTreeSet::from([state::first(0).as_str(), state::first(1).as_str()])
    );
}

#[test]
fn the_diagram_ends_in_the_terminal_states() {
    let drawn: BTreeSet<_> = arrows()
        .into_iter()
        .filter(|arrow| arrow.1 == "[*]")
        .map(|arrow| arrow.0)
        .collect();
    let terminal = State::ALL
        .iter()
        .filter(|state| state.is_terminal())
        .map(|state| state.as_str());
    assert_eq!(drawn, terminal.collect());
}

#[test]
fn the_document_explains_every_word() {
    let words = State::ALL.iter().map(|state| state.as_str());
    for word in words.chain(Event::ALL.iter().map(|event| event.as_str())) {
        assert!(
            DOCUMENT.contains(&format!("| `{word}` |")),
            "{word} is explained"
        );
    }
}

#[test]
fn an_event_follows_the_table_or_is_an_error() {
    for &from in State::ALL {
        for &event in Event::ALL {
            let row = TABLE
                .iter()
                .find(|edge| edge.from == from && edge.event == event);
            assert_eq!(state::next(from, event).ok(), row.map(|edge| edge.to));
        }
    }
}

#[test]
fn the_table_has_one_row_for_a_state_and_an_event() {
    let rows: BTreeSet<_> = TABLE.iter().map(|edge| (edge.from, edge.event)).collect();
    assert_eq!(rows.len(), TABLE.len());
}

#[test]
fn nothing_leaves_a_terminal_state() {
    assert!(TABLE.iter().all(|edge| !edge.from.is_terminal()));
}

#[test]
fn every_state_is_reached_and_every_event_is_used() {
    let mut reached = BTreeSet::from([state::first(0), state::first(1)]);
    for _ in State::ALL {
        reached.extend(
            TABLE
                .iter()
                .filter(|edge| reached.contains(&edge.from))
                .map(|edge| edge.to)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(reached.len(), State::COUNT);
    assert!(
        Event::ALL
            .iter()
            .all(|event| TABLE.iter().any(|edge| edge.event == *event))
    );
}

#[test]
fn every_word_is_read_back() {
    assert!(
        State::ALL
            .iter()
            .all(|state| State::parse(state.as_str()) == Some(*state))
    );
    assert!(
        Event::ALL
            .iter()
            .all(|event| Event::parse(event.as_str()) == Some(*event))
    );
    assert!(
        Outcome::ALL
            .iter()
            .all(|outcome| Outcome::parse(outcome.as_str()) == Some(*outcome))
    );
    assert_eq!(State::parse("done"), None);
}

#[test]
fn an_invalid_transition_says_what_may_not_happen() {
    let refused = state::next(State::Completed, Event::Cancel).map_err(|error| error.to_string());
    assert_eq!(
        refused,
        Err("cancel may not happen to a job that is completed".to_owned())
    );
}
