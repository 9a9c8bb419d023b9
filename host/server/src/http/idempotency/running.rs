//! The requests that are being carried out at the moment.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Name, in_progress, reused};
use crate::http::reply::Answer;

/// The requests that are being carried out, with their fingerprints.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<Name, String>>);

/// A request is being carried out until this is dropped.
pub(super) struct Turn {
    running: Arc<Running>,
    name: Name,
}

impl Running {
    pub(super) fn begin(self: &Arc<Self>, name: &Name, fingerprint: &str) -> Answer<Turn> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match running.entry(name.clone()) {
            Entry::Vacant(place) => {
                place.insert(fingerprint.to_owned());
                Ok(Turn {
                    running: Arc::clone(self),
                    name: name.clone(),
                })
            }
            Entry::Occupied(other) if other.get() == fingerprint => Err(in_progress()),
            Entry::Occupied(_) => Err(reused()),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self
            .running
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.name);
    }
}
