//! One's own second factors: an authenticator app, passkeys, codes on paper.

use leptos::prelude::*;
use muster_api::factors::{self, PasskeyChallenge, Proof, RecoveryCodes, TotpEnrolment};
use muster_console_model::answer;
use serde_json::{Value, json};

use super::passkeys::{Passkeys, Register};
use crate::{
    api::{self, Asked, follow::follow},
    components::{
        badge::{Badge, Mood},
        copy::Copy,
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        once::Once,
        qr::Qr,
        rest::shown,
    },
    words::{Text, t, with},
};

const TOTP: &str = "/self/factors/totp";

/// What is to be done, each of which takes a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// An authenticator app.
    AddTotp,
    /// It goes.
    RemoveTotp,
    /// New codes on paper.
    RecoveryCodes,
    /// Another passkey.
    AddPasskey,
    /// The one with this id goes.
    RemovePasskey(String),
}

impl Wish {
    fn text(&self) -> Text {
        match self {
            Self::AddTotp => Text::AddTotp,
            Self::RemoveTotp => Text::RemoveTotp,
            Self::RecoveryCodes => Text::NewCodes,
            Self::AddPasskey => Text::AddPasskey,
            Self::RemovePasskey(_) => Text::RemovePasskey,
        }
    }

    fn path(&self) -> String {
        match self {
            Self::AddTotp => TOTP.to_owned(),
            Self::RemoveTotp => format!("{TOTP}/actions/remove"),
            Self::RecoveryCodes => "/self/factors/recovery-codes".to_owned(),
            Self::AddPasskey => "/self/passkeys/challenges".to_owned(),
            Self::RemovePasskey(id) => format!("/self/passkeys/{id}/actions/remove"),
        }
    }

    /// The command that does it; nothing if only a browser can.
    fn command(&self) -> String {
        match self {
            Self::AddTotp => "muster self factor add-totp".to_owned(),
            Self::RemoveTotp => "muster self factor remove-totp".to_owned(),
            Self::RecoveryCodes => "muster self factor recovery-codes".to_owned(),
            Self::AddPasskey => String::new(),
            Self::RemovePasskey(id) => format!("muster self passkey remove {id}"),
        }
    }

    /// Whether more is to be asked for after the proof.
    fn goes_on(&self) -> bool {
        matches!(self, Self::AddTotp | Self::AddPasskey)
    }
}

/// The factors.
#[component]
pub fn Factors() -> impl IntoView {
    let (factors, again) = follow(&["user"], || api::get::<factors::Factors>("/self/factors"));
    let reread = move || again.update(|count| *count += 1);
    let open = RwSignal::new(false);
    let wish = RwSignal::new(Wish::AddTotp);
    let enrolment = RwSignal::new(None::<TotpEnrolment>);
    let challenge = RwSignal::new(None::<PasskeyChallenge>);
    let codes = RwSignal::new(None::<RecoveryCodes>);
    let forget = move || {
        enrolment.set(None);
        challenge.set(None);
    };
    let want = Callback::new(move |what| {
        forget();
        wish.set(what);
        open.set(true);
    });
    let done = Callback::new(move |told: Value| {
        let wish = wish.get_untracked();
        match wish {
            Wish::AddTotp => enrolment.set(answer::read(told).ok()),
            Wish::RecoveryCodes => codes.set(answer::read(told).ok()),
            Wish::AddPasskey => challenge.set(answer::read(told).ok()),
            Wish::RemoveTotp | Wish::RemovePasskey(_) => {}
        }
        open.set(wish.goes_on());
        reread();
    });
    let confirmed = Callback::new(move |_| {
        forget();
        reread();
    });
    let body = move || match (enrolment.get(), challenge.get()) {
        (Some(enrolment), _) => view! { <Enrol enrolment open done=confirmed /> }.into_any(),
        (None, Some(challenge)) => view! { <Register challenge open done=confirmed /> }.into_any(),
        (None, None) => view! { <Prove wish=wish.get() done /> }.into_any(),
    };
    let paper = move || {
        codes.get().map(|codes| {
            let lines: Vec<_> = codes.codes.iter().map(|code| code.expose()).collect();
            view! { <Once value=lines.join("\n") more=Text::CodesMore /> }
        })
    };
    view! {
        {paper}
        {shown(factors, 4, move |factors| cards(factors, want, Callback::new(move |()| reread())))}
        <Dialog open title=Signal::derive(move || t(wish.get().text()).to_owned())>{body}</Dialog>
    }
}

fn cards(factors: factors::Factors, want: Callback<Wish>, reread: Callback<()>) -> impl IntoView {
    let on = factors.totp.as_ref().is_some_and(|totp| totp.confirmed);
    let button = move |wish: Wish| {
        let text = t(wish.text());
        view! { <button type="button" on:click=move |_| want.run(wish.clone())>{text}</button> }
    };
    let (mood, word) = if on {
        (Mood::Good, Text::Counts)
    } else {
        (Mood::Calm, Text::Absent)
    };
    view! {
        <div class="cards">
            <section class="card">
                <h2>{t(Text::Totp)}</h2>
                <p class="hint">{t(Text::TotpMore)}</p>
                <p class="facts"><Badge mood text=t(word) /></p>
                {button(if on { Wish::RemoveTotp } else { Wish::AddTotp })}
            </section>
            <section class="card">
                <h2>{t(Text::Codes)}</h2>
                <p class="hint">{with(Text::CodesLeft, &[&factors.recovery_codes.to_string()])}</p>
                {on.then(|| button(Wish::RecoveryCodes))}
            </section>
            <section class="card">
                <h2>{t(Text::Passkeys)}</h2>
                <p class="hint">{t(Text::PasskeysMore)}</p>
                <Passkeys keys=factors.passkeys want renamed=reread />
            </section>
        </div>
    }
}

/// Shows anew who is there, which each change of factors takes.
#[component]
fn Prove(wish: Wish, done: Callback<Value>) -> impl IntoView {
    let password = Input::new("password", t(Text::Password)).kind(Kind::Secret);
    let otp = Input::new("otp", t(Text::Otp)).hint(t(Text::ProofOtpHint));
    let inputs = vec![password.clone(), otp.clone()];
    let command = wish.command();
    let ask = Callback::new(move |()| {
        let given = |value: String| (!value.is_empty()).then(|| value.into());
        let proof = Proof {
            password: given(password.value.get()),
            otp: given(otp.get()),
        };
        Asked {
            method: "POST",
            path: wish.path(),
            body: serde_json::to_value(proof).ok(),
            ..Asked::default()
        }
    });
    view! {
        <p>{t(Text::ProveMore)}</p>
        <Form inputs ask command button=Text::Next done />
    }
}

/// The secret, and a first code from the app.
#[component]
fn Enrol(enrolment: TotpEnrolment, open: RwSignal<bool>, done: Callback<Value>) -> impl IntoView {
    let secret = enrolment.secret.expose().to_owned();
    let code = Input::new("code", t(Text::FirstCode)).hint(t(Text::FirstCodeHint));
    let typed = code.clone();
    let ask = Callback::new(move |()| Asked {
        method: "POST",
        path: format!("{TOTP}/actions/confirm"),
        body: Some(json!({ "code": typed.get() })),
        ..Asked::default()
    });
    view! {
        <p>{t(Text::EnrolMore)}</p>
        <div class="token">
            <Qr text=enrolment.uri.expose().to_owned() label=t(Text::TotpQr) />
            <div>
                <output class="secret" tabindex="0" aria-label=t(Text::Secret)>{secret.clone()}</output>
                <Copy text=secret />
            </div>
        </div>
        <Form
            inputs=vec![code]
            ask
            command="muster self factor confirm-totp".to_owned()
            button=Text::Confirm
            done
            open
        />
    }
}
