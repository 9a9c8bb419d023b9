//! Fields of forms, with what is wrong with them beside them.

use leptos::prelude::*;

/// What goes into a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A line of text.
    Line,
    /// A number.
    Number,
    /// A password.
    Secret,
    /// Yes or no: `true`, or nothing.
    Check,
    /// One of these: what each is, and how it is called.
    Choice(Vec<(String, String)>),
    /// Any of these, with what each means: their words, with commas between them.
    Several(Vec<(String, String)>),
    /// Lines of text.
    Lines,
}

/// What is typed or chosen in.
pub fn control(
    name: String,
    kind: Kind,
    value: RwSignal<String>,
    described: String,
    wrong: Signal<bool>,
) -> AnyView {
    let kind = match kind {
        Kind::Check => {
            return view! {
                <input
                    id=name.clone()
                    name=name
                    type="checkbox"
                    aria-describedby=described
                    prop:checked=move || value.with(|it| it == "true")
                    on:change=move |event| {
                        value.set(if event_target_checked(&event) { "true" } else { "" }.to_owned());
                    }
                />
            }
            .into_any();
        }
        Kind::Choice(options) => {
            let option = |(word, text): (String, String)| {
                let mine = word.clone();
                view! { <option value=word selected=move || value.with(|it| *it == mine)>{text}</option> }
            };
            return view! {
                <select
                    id=name.clone()
                    name=name
                    aria-describedby=described
                    aria-invalid=move || wrong.get().to_string()
                    on:input=move |event| value.set(event_target_value(&event))
                >
                    {options.into_iter().map(option).collect_view()}
                </select>
            }
            .into_any();
        }
        Kind::Several(options) => return several(name, options, value, described),
        Kind::Lines => {
            return view! {
                <textarea
                    id=name.clone()
                    name=name
                    rows="12"
                    aria-describedby=described
                    aria-invalid=move || wrong.get().to_string()
                    prop:value=value
                    on:input=move |event| value.set(event_target_value(&event))
                ></textarea>
            }
            .into_any();
        }
        Kind::Line => "text",
        Kind::Number => "number",
        Kind::Secret => "password",
    };
    line(name, kind, "off", false, value, described, wrong)
}

fn several(
    name: String,
    options: Vec<(String, String)>,
    value: RwSignal<String>,
    described: String,
) -> AnyView {
    let option = |(word, about): (String, String)| {
        let has = |all: &str, word: &str| all.split(',').any(|it| it == word);
        let (mine, shown) = (word.clone(), word.clone());
        let switch = move |event| {
            let on = event_target_checked(&event);
            value.update(|all| {
                let others = all.split(',').filter(|it| !it.is_empty() && *it != word);
                let words: Vec<&str> = others.chain(on.then_some(word.as_str())).collect();
                *all = words.join(",");
            });
        };
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    prop:checked=move || value.with(|all| has(all, &mine))
                    on:change=switch
                />
                <span><code>{shown}</code><small>{about}</small></span>
            </label>
        }
    };
    view! {
        <div id=name.clone() class="several" role="group" aria-labelledby=format!("{name}-label") aria-describedby=described>
            {options.into_iter().map(option).collect_view()}
        </div>
    }
    .into_any()
}

fn line(
    name: String,
    kind: &'static str,
    complete: &'static str,
    focus: bool,
    value: RwSignal<String>,
    described: String,
    wrong: Signal<bool>,
) -> AnyView {
    view! {
        <input
            id=name.clone()
            name=name
            type=kind
            autocomplete=complete
            autocapitalize="none"
            spellcheck="false"
            autofocus=focus
            aria-describedby=described
            aria-invalid=move || wrong.get().to_string()
            prop:value=value
            on:input=move |event| value.set(event_target_value(&event))
        />
    }
    .into_any()
}

/// A field around what is typed in: its label, what helps, what is wrong.
pub fn framed(
    name: String,
    label: String,
    hint: String,
    wrong: Signal<Option<String>>,
    input: impl FnOnce(String, Signal<bool>) -> AnyView,
) -> AnyView {
    let told = format!("{name}-told");
    let hinted = format!("{name}-hint");
    let is_wrong = Signal::derive(move || wrong.with(Option::is_some));
    let input = input(format!("{hinted} {told}"), is_wrong);
    view! {
        <div class="field" class:wrong=move || is_wrong.get()>
            <label for=name.clone() id=format!("{name}-label")>{label}</label>
            {input}
            <p class="hint" id=hinted>{hint}</p>
            <p class="told" id=told role="alert">{move || wrong.get()}</p>
        </div>
    }
    .into_any()
}

/// A line of text.
#[component]
pub fn Field(
    /// Its name, which also names its elements.
    name: &'static str,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    #[prop(optional)] kind: Option<&'static str>,
    #[prop(optional)] hint: Option<&'static str>,
    #[prop(optional)] complete: Option<&'static str>,
    /// What is wrong with it.
    #[prop(optional, into)]
    wrong: Signal<Option<String>>,
    #[prop(optional)] focus: bool,
) -> impl IntoView {
    let hint = hint.unwrap_or_default().to_owned();
    framed(
        name.to_owned(),
        label,
        hint,
        wrong,
        move |described, bad| {
            let (kind, complete) = (kind.unwrap_or("text"), complete.unwrap_or("off"));
            line(
                name.to_owned(),
                kind,
                complete,
                focus,
                value,
                described,
                bad,
            )
        },
    )
}
