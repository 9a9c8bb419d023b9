//! Log lines, as they are written.

use std::collections::VecDeque;

use leptos::{html, prelude::*, task::spawn_local};
use muster_api::{
    logging::LogLevel,
    logs::{LogLine, LogSource},
    platform_log::PlatformLine,
};
use muster_console_model::reading::clock;

use super::{cli_line::CliLine, rest::Empty};
use crate::{
    api::{
        events::{Abort, Step, read, sleep},
        understood,
    },
    words::{Text, t, with},
};

/// How many lines are kept at most, so that a page can stay open for days.
const MOST: usize = 1_000;

/// A line as it is shown.
#[derive(Debug, Clone)]
pub struct Line {
    time: String,
    class: &'static str,
    source: String,
    text: String,
}

/// A line that an app, or the platform about it, has written.
pub fn of_app(data: &str) -> Option<Line> {
    let line: LogLine = understood(data).ok()?;
    let class = match line.source {
        LogSource::Stdout => "out",
        LogSource::Stderr => "err",
        LogSource::Access => "access",
        LogSource::Platform => "platform",
    };
    let instance = line.instance.map(|instance| format!(" {instance}"));
    Some(Line {
        time: clock(line.time),
        class,
        source: format!("{class}{}", instance.unwrap_or_default()),
        text: line.message,
    })
}

/// A line that a host has written.
pub fn of_host(data: &str) -> Option<Line> {
    let line: PlatformLine = understood(data).ok()?;
    let class = match line.level {
        LogLevel::Off | LogLevel::Error => "err",
        LogLevel::Warn => "platform",
        _ => "out",
    };
    let fields = line
        .fields
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    Some(Line {
        time: clock(line.time),
        class,
        source: line.host,
        text: format!("{}{}", line.message, fields.collect::<String>()),
    })
}

/// The lines of a stream.
#[component]
pub fn Logs(
    /// The stream's address.
    path: String,
    /// Reads the data of an event.
    of: fn(&str) -> Option<Line>,
    /// The command that does the same.
    command: String,
) -> impl IntoView {
    let lines = RwSignal::new(VecDeque::<Line>::new());
    let waiting = RwSignal::new(VecDeque::<Line>::new());
    let paused = RwSignal::new(false);
    let filter = RwSignal::new(String::new());
    let abort = StoredValue::new_local(Abort::new());
    let ended = RwSignal::new(false);
    on_cleanup(move || abort.with_value(Abort::now));
    spawn_local(async move {
        while ended.try_get_untracked() == Some(false) {
            let Some(stop) = abort.try_get_value() else {
                return;
            };
            let _ = read(&path, &stop, |step| match step {
                // The stream begins with the last lines, which may be here already.
                Step::Open => {
                    let _ = lines.try_update(VecDeque::clear);
                }
                Step::Message(message) => {
                    let Some(line) = of(&message.data) else {
                        return;
                    };
                    let place = if paused.try_get_untracked() == Some(true) {
                        waiting
                    } else {
                        lines
                    };
                    let _ = place.try_update(|lines| {
                        lines.push_back(line);
                        if lines.len() > MOST {
                            lines.pop_front();
                        }
                    });
                }
            })
            .await;
            sleep(1_000).await;
        }
    });
    let toggle = move |_| {
        paused.update(|paused| *paused = !*paused);
        if !paused.get_untracked() {
            let held = waiting.try_update(std::mem::take).unwrap_or_default();
            lines.update(|lines| {
                lines.extend(held);
                while lines.len() > MOST {
                    lines.pop_front();
                }
            });
        }
    };
    let frame = NodeRef::<html::Div>::new();
    let found = move || {
        let filter = filter.get().to_lowercase();
        lines.with(|lines| {
            let fits = |line: &&Line| line.text.to_lowercase().contains(&filter);
            lines.iter().filter(fits).cloned().collect::<Vec<_>>()
        })
    };
    Effect::new(move |_| {
        lines.track();
        if let Some(frame) = frame.get() {
            frame.set_scroll_top(frame.scroll_height());
        }
    });
    let is_empty = Memo::new(move |_| lines.with(VecDeque::is_empty));
    view! {
        <div class="log-tools">
            <input
                class="filter"
                type="search"
                aria-label=t(Text::Filter)
                placeholder=t(Text::Filter)
                prop:value=filter
                on:input=move |event| filter.set(event_target_value(&event))
            />
            <button type="button" aria-pressed=move || paused.get().to_string() on:click=toggle>
                {move || t(if paused.get() { Text::Resume } else { Text::Pause })}
            </button>
            <span class="hint" role="status">
                {move || paused.get().then(|| with(Text::PausedMore, &[&waiting.with(VecDeque::len).to_string()]))}
            </span>
            <CliLine command />
        </div>
        <Show when=move || !is_empty.get() fallback=|| view! { <Empty title=t(Text::Logs) more=t(Text::NoLogs)>""</Empty> }>
            <div class="log" node_ref=frame tabindex="0" role="log" aria-label=t(Text::Logs)>
                {move || found().into_iter().map(log_line).collect_view()}
            </div>
        </Show>
    }
}

fn log_line(line: Line) -> impl IntoView {
    view! {
        <p class=line.class>
            <time>{line.time}</time>
            <span>{line.source}</span>
            <code>{line.text}</code>
        </p>
    }
}
