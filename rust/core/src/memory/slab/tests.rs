//! Every value stays where it was put, and memory that holds nothing is given back.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{CHUNK, Slab};

proptest! {
    #[test]
    fn it_agrees_with_a_map(steps in proptest::collection::vec((any::<bool>(), any::<usize>()), 0..200)) {
        let mut slab = Slab::default();
        let mut model: HashMap<u32, usize> = HashMap::new();
        for (is_insert, value) in steps {
            let mut slots: Vec<u32> = model.keys().copied().collect();
            slots.sort_unstable();
            if is_insert || slots.is_empty() {
                let slot = slab.insert(value);
                prop_assert_eq!(model.insert(slot, value), None, "the slot was free");
            } else {
                let slot = slots[value % slots.len()];
                prop_assert_eq!(slab.remove(slot), model.remove(&slot));
                prop_assert_eq!(slab.remove(slot), None);
                prop_assert_eq!(slab.get(slot), None);
            }
            prop_assert_eq!(slab.len(), model.len());
            prop_assert_eq!(slab.iter().map(|(slot, value)| (slot, *value)).collect::<HashMap<_, _>>(), model.clone());
        }
    }
}

#[test]
fn of_many_empty_chunks_one_keeps_its_memory() {
    let mut slab = Slab::default();
    let slots: Vec<_> = (0..10 * CHUNK).map(|value| slab.insert(value)).collect();
    for slot in slots {
        slab.remove(slot);
    }
    let kept = slab
        .chunks
        .iter()
        .filter(|chunk| chunk.entries.capacity() > 0)
        .count();
    assert_eq!(kept, 1);
}

#[test]
#[should_panic(expected = "slot 0 is free")]
fn asking_for_a_free_slot_is_a_fault_of_the_caller() {
    let mut slab = Slab::default();
    let slot = slab.insert(());
    slab.remove(slot);
    let () = slab[slot];
}
