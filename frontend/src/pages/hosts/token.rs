//! Generate token: a link token with a countdown, renewed by itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    links::{LinkToken, LinkTokenSecret, LinkTokenState, NewLinkToken},
    page::Page,
};
use muster_console_model::reading::countdown;
use time::OffsetDateTime;

use crate::{
    api::{self, Failure, events::sleep},
    components::{
        cli_line::CliLine, copy::Copy, dialog::Dialog, qr::Qr, rest::Skeleton, trouble::Trouble,
    },
    words::{Text, t, with},
};

/// The dialog.
#[component]
pub fn TokenDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open title=t(Text::GenerateToken).to_owned() wide=true>
            <Token />
        </Dialog>
    }
}

#[component]
fn Token() -> impl IntoView {
    let token = RwSignal::new(None::<Result<LinkTokenSecret, Failure>>);
    let used = RwSignal::new(false);
    let now = RwSignal::new(OffsetDateTime::now_utc());
    let gone = Arc::new(AtomicBool::new(false));
    on_cleanup({
        let gone = Arc::clone(&gone);
        move || {
            gone.store(true, Ordering::Relaxed);
            // A token that is not shown any more is of no use to anybody but thieves.
            if let (Some(Ok(secret)), false) = (token.get_untracked(), used.get_untracked()) {
                spawn_local(async move {
                    let path = format!("/link-tokens/{}", secret.id);
                    let _ = api::order::<serde_json::Value>("DELETE", &path).await;
                });
            }
        }
    });
    spawn_local(async move {
        let mut beat = 0_u32;
        while !gone.load(Ordering::Relaxed) {
            let time = OffsetDateTime::now_utc();
            let held = token.get_untracked().and_then(Result::ok);
            let is_over = held.as_ref().is_none_or(|held| held.expires_at <= time);
            if is_over && !used.get_untracked() {
                let made = api::act("POST", "/link-tokens", &NewLinkToken::default()).await;
                let failed = made.is_err();
                if gone.load(Ordering::Relaxed) {
                    return;
                }
                token.set(Some(made));
                if failed {
                    return;
                }
            }
            now.set(time);
            beat += 1;
            if let Some(held) = held.filter(|_| beat.is_multiple_of(2)) {
                let list = api::get::<Page<LinkToken>>("/link-tokens?limit=500").await;
                let is_used = list.is_ok_and(|list| {
                    list.items
                        .iter()
                        .any(|it| it.id == held.id && it.state == LinkTokenState::Used)
                });
                if gone.load(Ordering::Relaxed) {
                    return;
                }
                used.set(is_used);
            }
            sleep(1_000).await;
        }
    });
    view! {
        <p>{t(Text::TokenMore)}</p>
        {move || match token.get() {
            None => view! { <Skeleton lines=5 /> }.into_any(),
            Some(Err(failure)) => view! { <Trouble failure /> }.into_any(),
            Some(Ok(secret)) => view! { <Shown secret now used /> }.into_any(),
        }}
    }
}

#[component]
fn Shown(
    secret: LinkTokenSecret,
    now: RwSignal<OffsetDateTime>,
    used: RwSignal<bool>,
) -> impl IntoView {
    let until = secret.expires_at;
    let left = move || with(Text::TokenLeft, &[&countdown(until, now.get())]);
    let text = secret.token.clone();
    view! {
        <Show
            when=move || !used.get()
            fallback=|| view! { <p class="well" role="status">{t(Text::TokenUsed)}</p> }
        >
            <div class="token">
                <Qr text=text.clone() label=t(Text::TokenQr) />
                <div>
                    <output id="token" class="secret" tabindex="0" aria-label=t(Text::Token)>{text.clone()}</output>
                    <div class="token-foot">
                        <span class="countdown" role="timer">{left}</span>
                        <Copy text=text.clone() />
                    </div>
                    <h3>{t(Text::OnTheOther)}</h3>
                    <CliLine command=format!("muster link join {text}") />
                </div>
            </div>
        </Show>
    }
}
