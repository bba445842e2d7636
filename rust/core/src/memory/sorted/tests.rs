//! The sorted set is the standard library's, only faster.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Sorted;

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u16),
    Remove(u16),
    Pop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..200_u16).prop_map(Step::Add),
        2 => (0..200_u16).prop_map(Step::Remove),
        1 => Just(Step::Pop),
    ]
}

/// Mostly at the end and from the front, as jobs come and go.
fn like_jobs() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..8_u16, any::<bool>()), 0..200).prop_map(|moves| {
        let step = |(late, (back, pop))| {
            if pop {
                Step::Pop
            } else {
                Step::Add(late * 2 + 16 - back)
            }
        };
        (0_u16..).zip(moves).map(step).collect()
    })
}

fn agrees(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut sorted = Sorted::default();
    let mut model = BTreeSet::new();
    for step in steps {
        match step {
            Step::Add(entry) => {
                if model.insert(entry) {
                    sorted.insert(entry);
                }
            }
            Step::Remove(entry) => prop_assert_eq!(sorted.remove(entry), model.remove(&entry)),
            Step::Pop => prop_assert_eq!(sorted.pop(), model.pop_first()),
        }
        prop_assert_eq!(sorted.len(), model.len());
        prop_assert_eq!(sorted.is_empty(), model.is_empty());
        prop_assert_eq!(sorted.first(), model.first().copied());
        prop_assert!(sorted.iter().eq(model.iter().copied()));
        prop_assert!(sorted.backwards(None).eq(model.iter().rev().copied()));
        let middle = model.len() / 2;
        for bound in model
            .iter()
            .skip(middle)
            .take(1)
            .flat_map(|entry| [*entry, entry + 1])
        {
            prop_assert!(
                sorted
                    .backwards(Some(bound))
                    .eq(model.range(..bound).rev().copied())
            );
            prop_assert_eq!(
                sorted.first_from(bound),
                model.range(bound..).next().copied()
            );
        }
        prop_assert!(
            sorted.sealed.values().all(|run| !run.is_empty()),
            "no empty run is kept"
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_agrees_with_a_tree_whatever_comes(steps in proptest::collection::vec(step(), 0..200)) {
        agrees(steps)?;
    }

    #[test]
    fn it_agrees_with_a_tree_when_entries_come_nearly_in_order(steps in like_jobs()) {
        agrees(steps)?;
    }
}
