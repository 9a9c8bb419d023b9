//! Who is signed in.

pub mod passkey;
pub mod sign_in;
pub mod tokens;

use leptos::{prelude::*, task::spawn_local};
use muster_api::{permissions::Permission, users::Profile};

use crate::api::{
    self,
    events::Live,
    fetch::{self, Body},
};

/// How somebody stands to this host.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nobody knows yet.
    Unknown,
    /// Nobody is signed in.
    Nobody,
    /// This one is.
    Somebody(Box<Profile>),
}

/// The session, for every part of the console.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// How somebody stands.
    pub standing: RwSignal<Standing>,
    live: Live,
}

impl Session {
    /// Looks whether the browser has a session that goes on.
    pub fn begin(live: Live) -> Self {
        let this = Self {
            standing: RwSignal::new(Standing::Unknown),
            live,
        };
        tokens::when_over(move || this.standing.set(Standing::Nobody));
        spawn_local(async move {
            match tokens::renew().await {
                Ok(_) => this.enter().await,
                Err(_) => this.standing.set(Standing::Nobody),
            }
        });
        this
    }

    /// Finds out who has signed in, and follows what changes.
    pub async fn enter(self) {
        match api::get::<Profile>("/self").await {
            Ok(profile) => {
                self.standing.set(Standing::Somebody(Box::new(profile)));
                self.live.start();
            }
            Err(_) => self.standing.set(Standing::Nobody),
        }
    }

    /// Whether something may be done; the host decides in the end.
    pub fn may(self, permission: Permission) -> bool {
        self.standing.with(|standing| match standing {
            Standing::Somebody(profile) => profile.permissions.contains(&permission),
            _ => false,
        })
    }

    /// Ends the session.
    pub fn leave(self) {
        spawn_local(async move {
            let _ = fetch::own("DELETE", "/session", Body::None).await;
            tokens::forget();
            self.standing.set(Standing::Nobody);
        });
    }
}
