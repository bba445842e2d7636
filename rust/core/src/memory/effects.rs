//! The side effects of `once`, kept for a job and all its redrives (EFF-1).

use std::collections::HashMap;

use super::hashing::{Hashing, IdHashing};
use crate::answer::Reservation;
use crate::ids::JobId;
use crate::job::Body;

/// One side effect: reserved, and perhaps recorded.
#[derive(Debug)]
struct Effect {
    nonce: Box<str>,
    value: Option<Body>,
}

/// What the jobs of one origin share. It lives while one of them does.
#[derive(Debug, Default)]
struct Family {
    /// How many stored jobs name the origin; the origin itself is not counted.
    redriven: usize,
    effects: HashMap<Box<str>, Effect>,
}

#[derive(Debug)]
pub(super) struct Families {
    by_origin: HashMap<JobId, Family, IdHashing>,
}

impl Families {
    pub(super) fn new(hashing: &Hashing) -> Self {
        Self {
            by_origin: HashMap::with_hasher(hashing.of_ids()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_origin.len()
    }

    /// A job that names an origin is stored.
    pub(super) fn join(&mut self, origin: JobId) {
        self.by_origin.entry(origin).or_default().redriven += 1;
    }

    /// A job that names an origin is gone; `origin_lives` tells whether the origin itself is still stored.
    pub(super) fn leave(&mut self, origin: JobId, origin_lives: bool) {
        if let Some(family) = self.by_origin.get_mut(&origin) {
            family.redriven -= 1;
            self.tidy(origin, origin_lives);
        }
    }

    /// Forget what belongs to an origin, if nobody of it is left.
    pub(super) fn tidy(&mut self, origin: JobId, origin_lives: bool) {
        if self.by_origin.is_empty() {
            return;
        }
        let is_over = self.by_origin.get(&origin).is_some_and(|family| {
            family.redriven == 0 && (!origin_lives || family.effects.is_empty())
        });
        if is_over {
            self.by_origin.remove(&origin);
        }
    }

    pub(super) fn reserve(
        &mut self,
        origin: JobId,
        key: &str,
        nonce: &str,
        takeover: bool,
    ) -> Reservation {
        let effects = &mut self.by_origin.entry(origin).or_default().effects;
        match effects.get_mut(key) {
            None => {
                effects.insert(
                    key.into(),
                    Effect {
                        nonce: nonce.into(),
                        value: None,
                    },
                );
                Reservation::Reserved
            }
            Some(Effect {
                value: Some(value), ..
            }) => Reservation::Recorded(Body::clone(value)),
            // The same reserve repeated, because its answer was lost (SUB-3).
            Some(effect) if *effect.nonce == *nonce => Reservation::Reserved,
            Some(effect) if takeover => {
                effect.nonce = nonce.into();
                Reservation::Reserved
            }
            Some(_) => Reservation::Uncertain,
        }
    }

    /// Record the value of a reservation, or give it back; whether it is as wanted now.
    pub(super) fn record(
        &mut self,
        origin: JobId,
        key: &str,
        nonce: &str,
        value: Option<Body>,
    ) -> bool {
        let effects = self
            .by_origin
            .get_mut(&origin)
            .map(|family| &mut family.effects);
        let Some(effects) = effects else {
            return value.is_none();
        };
        match (effects.get_mut(key), value) {
            // Given back already: the same write repeated (SUB-3).
            (None, None) => true,
            (Some(effect), _) if *effect.nonce != *nonce => false,
            (Some(effect), Some(value)) => {
                effect.value.get_or_insert(value);
                true
            }
            // What was given back cannot be recorded, and what was recorded cannot be given back.
            (None, Some(_)) | (Some(Effect { value: Some(_), .. }), None) => false,
            (Some(_), None) => {
                effects.remove(key);
                true
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (JobId, usize, usize)> {
        self.by_origin
            .iter()
            .map(|(origin, family)| (*origin, family.redriven, family.effects.len()))
    }
}
