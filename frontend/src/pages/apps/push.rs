//! Push: files are dropped, become blocks, and are staged while one looks on.

use leptos::{ev::DragEvent, html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;
use muster_api::{jobs::JobState, units::ByteSize};
use muster_console_model::reading::size;
use wasm_bindgen::JsValue;
use web_sys::{File, FileList};

use crate::{
    api::{
        Failure,
        fetch::escape,
        push::{Chosen, Progress, push},
    },
    components::{
        cli_line::CliLine,
        dialog::Dialog,
        field::Field,
        icon::{Icon, Shape},
        job::JobView,
        trouble::MaybeTrouble,
    },
    words::{Text, t, with},
};

/// The dialog.
#[component]
pub fn PushDialog(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <Dialog open title=t(Text::Push).to_owned() wide=true>
            <Form open />
        </Dialog>
    }
}

#[component]
fn Form(open: RwSignal<bool>) -> impl IntoView {
    let chosen = StoredValue::new_local(Vec::<Chosen>::new());
    let counted = RwSignal::new((0_usize, 0_u64));
    let name = RwSignal::new(String::new());
    let progress = RwSignal::new(None::<Progress>);
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let take = move |files: Option<FileList>| {
        let Some(files) = files.filter(|files| files.length() > 0) else {
            return;
        };
        let files: Vec<File> = (0..files.length()).filter_map(|at| files.get(at)).collect();
        let whole: f64 = files.iter().map(|file| file.size()).sum();
        if let (Some(first), true) = (files.first(), name.with_untracked(String::is_empty)) {
            name.set(suggest(&path_of(first), &first.name()));
        }
        let files: Vec<_> = files
            .into_iter()
            .map(|file| Chosen {
                path: inner(&path_of(&file)).unwrap_or_else(|| file.name()),
                file,
            })
            .collect();
        // Sizes of files are whole numbers.
        counted.set((files.len(), whole as u64));
        chosen.set_value(files);
    };
    let wrong = move || failure.with(|failure| failure.as_ref()?.of_field("name"));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        failure.set(None);
        let (app, files) = (name.get_untracked().trim().to_owned(), chosen.get_value());
        spawn_local(async move {
            let tell = |step| {
                let _ = progress.try_set(Some(step));
            };
            if let Err(why) = push(&app, &files, tell).await {
                let _ = failure.try_set(Some(why));
                let _ = progress.try_set(None);
            }
            let _ = busy.try_set(false);
        });
    };
    let ready =
        move || counted.get().0 > 0 && !name.with(|name| name.trim().is_empty()) && !busy.get();
    let navigate = use_navigate();
    let go = Callback::new(move |()| {
        let path = format!("/apps/{}", escape(name.get_untracked().trim()));
        open.set(false);
        navigate(&path, Default::default());
    });
    let command = move || {
        let name = name.get();
        format!(
            "muster app push {} --path FOLDER",
            if name.is_empty() { "NAME" } else { &name }
        )
    };
    view! {
        <form on:submit=submit>
            <p>{t(Text::PushMore)}</p>
            <Drop take counted />
            <Field name="app" label=t(Text::AppName) hint=t(Text::AppNameHint) value=name wrong=Signal::derive(wrong) />
            {move || progress.get().map(|step| view! { <Shown step go name /> })}
            <MaybeTrouble failure />
            <CliLine command=Signal::derive(command) />
            <footer>
                <button type="button" on:click=move |_| open.set(false)>{t(Text::Close)}</button>
                <button type="submit" class="primary" disabled=move || !ready()>{t(Text::PushNow)}</button>
            </footer>
        </form>
    }
}

#[component]
fn Drop(
    take: impl Fn(Option<FileList>) + Copy + 'static,
    counted: RwSignal<(usize, u64)>,
) -> impl IntoView {
    let over = RwSignal::new(false);
    let (files, folder) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let drop = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        take(event.data_transfer().and_then(|data| data.files()));
    };
    let pick = move |input: NodeRef<html::Input>| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let taken = move |input: NodeRef<html::Input>| {
        take(input.get_untracked().and_then(|input| input.files()));
    };
    let word = move || match counted.get() {
        (0, _) => t(Text::DropHere).to_owned(),
        (count, bytes) => with(
            Text::FilesChosen,
            &[&count.to_string(), &size(ByteSize(bytes))],
        ),
    };
    view! {
        <div
            class="drop"
            class:over=over
            on:dragover=move |event| { event.prevent_default(); over.set(true); }
            on:dragleave=move |_| over.set(false)
            on:drop=drop
        >
            <Icon shape=Shape::Push />
            <strong role="status">{word}</strong>
            <div>
                <button type="button" on:click=move |_| pick(files)>{t(Text::ChooseFiles)}</button>
                <button type="button" on:click=move |_| pick(folder)>{t(Text::ChooseFolder)}</button>
            </div>
            <input node_ref=files type="file" multiple=true hidden=true on:change=move |_| taken(files) />
            <input node_ref=folder type="file" prop:webkitdirectory=true hidden=true on:change=move |_| taken(folder) />
        </div>
    }
}

#[component]
fn Shown(step: Progress, go: Callback<()>, name: RwSignal<String>) -> impl IntoView {
    let job = match step {
        Progress::Reading => return view! { <p role="status">{t(Text::Hashing)}</p> }.into_any(),
        Progress::Uploading(done, total) => {
            let text = with(Text::Uploading, &[&done.to_string(), &total.to_string()]);
            return view! {
                <p role="status">{text}</p>
                <progress value=done.to_string() max=total.to_string() aria-label=t(Text::Push)></progress>
            }
            .into_any();
        }
        Progress::Staging(job) => *job,
    };
    let end = match job.state {
        JobState::Succeeded => Some(
            view! {
                <p class="well" role="status">
                    {t(Text::PushDone)}
                    <button type="button" class="primary" on:click=move |_| go.run(())>
                        {with(Text::OpenApp, &[&name.get_untracked()])}
                    </button>
                </p>
            }
            .into_any(),
        ),
        JobState::Cancelled => {
            Some(view! { <p role="status">{t(Text::PushCancelled)}</p> }.into_any())
        }
        JobState::Failed | JobState::Queued | JobState::Running => None,
    };
    view! {
        <JobView job />
        {end}
    }
    .into_any()
}

/// Where a file is in the folder that was chosen.
fn path_of(file: &File) -> String {
    let path = js_sys::Reflect::get(file, &JsValue::from_str("webkitRelativePath"));
    path.ok()
        .and_then(|path| path.as_string())
        .unwrap_or_default()
}

/// The path without the folder itself.
fn inner(path: &str) -> Option<String> {
    path.split_once('/').map(|(_, rest)| rest.to_owned())
}

/// A name for the app: the folder's, or the file's without its ending.
fn suggest(path: &str, file: &str) -> String {
    let start = path.split('/').next().filter(|start| !start.is_empty());
    let word = start.unwrap_or_else(|| file.split('.').next().unwrap_or(file));
    let letters = word.to_lowercase();
    let clean: String = letters
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    clean.trim_matches('-').to_owned()
}
