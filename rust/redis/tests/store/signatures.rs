//! What a script takes is said twice, in its own words and where it is called, and both are the same.

use std::collections::BTreeSet;

use asyncendpoints_redis::script::{ALL, Dialect};

#[test]
fn the_header_of_each_script_declares_the_signature_that_it_is_called_with() {
    for script in ALL {
        let declared = (Some(script.keys), Some(script.args));
        assert_eq!(script.declared(), declared, "{}.lua", script.name);
    }
}

#[test]
fn every_script_has_a_name_and_a_digest_of_its_own() {
    let names: BTreeSet<_> = ALL.iter().map(|script| script.name).collect();
    let digests: BTreeSet<_> = ALL
        .iter()
        .map(|script| script.sha(Dialect::Plain))
        .collect();
    assert_eq!((names.len(), digests.len()), (ALL.len(), ALL.len()));
}
