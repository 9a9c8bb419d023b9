//! Forms as data: what can be typed in, and what is asked of the host with it. The
//! host's words about a field stand beside it, and a change that has a plan shows
//! it before it is made.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use muster_api::plan::Plan;
use muster_console_model::answer;
use serde_json::Value;

use super::{
    cli_line::CliLine,
    field::{Kind, control, framed},
    plan::PlanView,
    trouble::MaybeTrouble,
};
use crate::{
    api::{self, Asked, Failure},
    words::{Text, t},
};

/// Something that can be typed or chosen.
#[derive(Clone)]
pub struct Input {
    /// Its name in the request, with dots.
    pub name: String,
    label: String,
    hint: String,
    kind: Kind,
    /// What stands there.
    pub value: RwSignal<String>,
}

impl Input {
    /// A line of text, empty.
    pub fn new(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            hint: String::new(),
            kind: Kind::Line,
            value: RwSignal::new(String::new()),
        }
    }

    /// The same, of another kind.
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same, with a word of help.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        Self { hint, ..self }
    }

    /// The same, with something in it.
    pub fn filled(self, value: impl Into<String>) -> Self {
        self.value.set(value.into());
        self
    }

    /// What stands there, without spaces around it.
    pub fn get(&self) -> String {
        self.value.with(|value| value.trim().to_owned())
    }

    /// The same; nothing if there is nothing.
    pub fn given(&self) -> Option<String> {
        Some(self.get()).filter(|value| !value.is_empty())
    }
}

/// A form.
#[component]
pub fn Form(
    inputs: Vec<Input>,
    /// What is asked of the host, as things stand.
    ask: Callback<(), Asked>,
    /// The command that does the same, as things stand; nothing if there is none.
    #[prop(optional, into)]
    command: Signal<String>,
    /// What its button says.
    button: Text,
    /// Whether the host tells first what would be done.
    #[prop(optional)]
    plans: bool,
    /// What to do with the answer.
    done: Callback<Value>,
    /// What closes it, if something does.
    #[prop(optional)]
    open: Option<RwSignal<bool>>,
) -> impl IntoView {
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let plan = RwSignal::new(None::<Plan>);
    let values: Vec<_> = inputs.iter().map(|input| input.value).collect();
    // Another wish has another plan.
    Effect::new(move |_| {
        for value in &values {
            value.track();
        }
        plan.set(None);
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let mut asked = untrack(|| ask.run(()));
        let only_plans = plans && plan.with_untracked(Option::is_none);
        if only_plans {
            asked.path.push_str("?dry_run=true");
        }
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let answer = api::ask(asked).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(told) if only_plans => {
                    let told = answer::read(told).unwrap_or_default();
                    let _ = plan.try_set(Some(told));
                }
                Ok(told) => {
                    if let Some(open) = open {
                        open.set(false);
                    }
                    done.run(told);
                }
                Err(why) => {
                    let _ = failure.try_set(Some(why));
                }
            }
        });
    };
    let field = move |input: Input| {
        let name = input.name.clone();
        let wrong = move || failure.with(|failure| failure.as_ref()?.of_field(&name));
        let Input {
            name,
            label,
            hint,
            kind,
            value,
        } = input;
        let named = name.clone();
        framed(
            name,
            label,
            hint,
            Signal::derive(wrong),
            move |described, bad| control(named, kind, value, described, bad),
        )
    };
    let word = move || {
        let shows = plans && plan.with(Option::is_none);
        t(if shows { Text::ShowPlan } else { button })
    };
    view! {
        <form on:submit=submit>
            {inputs.into_iter().map(field).collect_view()}
            {move || plan.get().map(|plan| view! { <PlanView plan /> })}
            <MaybeTrouble failure />
            <Show when=move || command.with(|command| !command.is_empty())>
                <CliLine command />
            </Show>
            <footer>
                {open.map(|open| view! {
                    <button type="button" on:click=move |_| open.set(false)>{t(Text::Cancel)}</button>
                })}
                <button type="submit" class="primary" disabled=busy>{word}</button>
            </footer>
        </form>
    }
}
