//! Each script is what its caller takes it for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use asyncendpoints_core::state::State;
use asyncendpoints_redis::script::{ALL, Dialect};

#[test]
fn every_file_is_a_script_and_every_script_a_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "lua"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let names: BTreeSet<String> = ALL.iter().map(|script| script.name.to_owned()).collect();
    assert_eq!(files, names);
}

#[test]
fn servers_from_seven_on_are_told_what_a_script_may_do() {
    for script in ALL {
        assert!(
            script.source(Dialect::Flagged).starts_with(b"#!lua"),
            "{}",
            script.name
        );
        assert!(
            !script.source(Dialect::Plain).starts_with(b"#!"),
            "{}",
            script.name
        );
        assert_ne!(
            script.sha(Dialect::Flagged),
            script.sha(Dialect::Plain),
            "{}",
            script.name
        );
    }
}

#[test]
fn no_script_writes_a_key_that_it_was_not_passed() {
    for script in ALL {
        let source = String::from_utf8(script.source(Dialect::Plain).to_vec()).unwrap();
        for call in source.split("call('").skip(1) {
            let rest = call.split_once("', ").map_or("", |(_, rest)| rest);
            let is_spelt = rest.starts_with('\'');
            assert!(!is_spelt, "{}: {call:.60}", script.name);
        }
    }
}

#[test]
fn scripts_know_the_state_of_runs_by_its_code() {
    let record = include_str!("../lua/lib/record.lua");
    let line = format!("local RUNNING = {}\n", State::InProgress as u8);
    assert!(record.contains(&line));
}
