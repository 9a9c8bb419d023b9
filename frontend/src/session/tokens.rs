//! The access token, which is kept in memory alone. What renews it is in a cookie
//! that no script can read.

use std::cell::RefCell;

use js_sys::{Function, Promise, Reflect};
use muster_api::tokens::TokenReply;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::api::{
    Failure,
    fetch::{self, Body},
    understood,
};

const LOCK: &str = "muster-session";

thread_local! {
    static ACCESS: RefCell<Option<String>> = const { RefCell::new(None) };
    static OVER: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// The access token.
pub fn access() -> Option<String> {
    ACCESS.with_borrow(Clone::clone)
}

/// Whether there is one.
pub fn is_signed_in() -> bool {
    ACCESS.with_borrow(Option::is_some)
}

/// Takes what a sign-in has given.
pub fn take(reply: TokenReply) -> String {
    let token = reply.access_token;
    ACCESS.set(Some(token.clone()));
    token
}

/// Forgets it.
pub fn forget() {
    ACCESS.set(None);
}

/// What to do when a session is over.
pub fn when_over(tell: impl Fn() + 'static) {
    OVER.set(Some(Box::new(tell)));
}

/// Gets a new access token. A renewal uses up what is in the cookie, and its second
/// use would end the session: so tabs take turns, and so do the calls of this one.
pub async fn renew() -> Result<String, Failure> {
    let before = access();
    let turn = Closure::once(move || {
        future_to_promise(async move {
            let now = access();
            // Another call of this tab has just done it.
            if now.is_some() && now != before {
                return Ok(JsValue::UNDEFINED);
            }
            match ask().await {
                Ok(()) => Ok(JsValue::UNDEFINED),
                Err(Failure::SignedOut) => Ok(JsValue::FALSE),
                Err(_) => Ok(JsValue::TRUE),
            }
        })
    });
    let done = match locked(turn.as_ref().unchecked_ref()) {
        Some(promise) => JsFuture::from(promise).await.map_err(fetch::away)?,
        None => JsFuture::from(in_turn(turn.as_ref().unchecked_ref())?)
            .await
            .map_err(fetch::away)?,
    };
    if done.is_truthy() {
        return Err(Failure::Away(String::new()));
    }
    match access().filter(|_| done.is_undefined()) {
        Some(token) => Ok(token),
        None => {
            forget();
            OVER.with_borrow(|over| {
                if let Some(tell) = over {
                    tell();
                }
            });
            Err(Failure::SignedOut)
        }
    }
}

async fn ask() -> Result<(), Failure> {
    let reply = fetch::own("POST", "/session/renewal", Body::None).await?;
    match reply.status {
        200 => {
            take(understood(&reply.text)?);
            Ok(())
        }
        204 => Err(Failure::SignedOut),
        status => Err(Failure::Away(format!("HTTP {status}"))),
    }
}

/// Does something while no other tab does. Only secure pages have locks.
fn locked(work: &Function) -> Option<Promise> {
    let navigator = leptos::prelude::window().navigator();
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    let request: Function = Reflect::get(&locks, &"request".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let promise = request.call2(&locks, &LOCK.into(), work).ok()?;
    promise.dyn_into().ok()
}

/// Does something after what this tab has begun before.
fn in_turn(work: &Function) -> Result<Promise, Failure> {
    thread_local! {
        static LAST: RefCell<Promise> = RefCell::new(Promise::resolve(&JsValue::UNDEFINED));
    }
    let last = LAST.with_borrow(Clone::clone);
    let then: Function = Reflect::get(&last, &"then".into())
        .and_then(JsCast::dyn_into)
        .map_err(fetch::away)?;
    let next: Promise = then
        .call2(&last, work, work)
        .and_then(JsCast::dyn_into)
        .map_err(fetch::away)?;
    LAST.set(next.clone());
    Ok(next)
}
