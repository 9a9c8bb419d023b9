//! How far somebody has scrolled in a long table. The address keeps it, so that a link
//! leads to the same rows.

use std::time::Duration;

use leptos::{
    ev::resize,
    html::Div,
    leptos_dom::helpers::{TimeoutHandle, window_event_listener},
    prelude::*,
};
use muster_console_model::window::LONG;

use super::address::in_address;

/// How high a row of a long table is, in rem, as the style has it.
pub const ROW: f64 = 2.75;
/// How many rows fit into view, before anybody has looked.
const FIT: usize = 60;
/// How long nobody has scrolled when the address takes down how far.
const REST: Duration = Duration::from_millis(250);

/// A frame in which a table is scrolled.
#[derive(Clone, Copy)]
pub struct Scroll {
    /// The frame.
    pub frame: NodeRef<Div>,
    /// The first row in view, from 0, and how many fit.
    pub view: RwSignal<(usize, usize)>,
    count: Memo<usize>,
    keep: SignalSetter<Option<String>>,
    /// What takes down how far, once nobody scrolls.
    note: StoredValue<Option<TimeoutHandle>>,
}

impl Scroll {
    /// One for so many rows, where the address says.
    pub fn new(count: Memo<usize>) -> Self {
        let (kept, keep) = in_address("row");
        let kept = kept.get_untracked().and_then(|row| row.parse().ok());
        let first = kept.unwrap_or(1_usize).saturating_sub(1);
        let this = Self {
            frame: NodeRef::new(),
            view: RwSignal::new((first, FIT)),
            count,
            keep,
            note: StoredValue::new(None),
        };
        Effect::new(move |_| {
            if this.frame.get().is_some() {
                request_animation_frame(move || this.begin(first));
            }
        });
        let resized = window_event_listener(resize, move |_| {
            this.look();
        });
        on_cleanup(move || resized.remove());
        this
    }

    /// Somebody has scrolled.
    pub fn moved(self) {
        if !self.look() {
            return;
        }
        self.forget_note();
        let note = move || {
            if let Some((first, _)) = self.view.try_get_untracked() {
                self.keep.set((first > 0).then(|| (first + 1).to_string()));
            }
        };
        self.note
            .set_value(set_timeout_with_handle(note, REST).ok());
    }

    /// Goes back to the first row: another order begins there.
    pub fn to_top(self) {
        // Whoever opens the address anew right after that is not to be led back.
        self.forget_note();
        self.keep.set(None);
        if let Some(frame) = self.frame.get_untracked() {
            frame.set_scroll_top(0);
        }
    }

    fn forget_note(self) {
        if let Some(Some(before)) = self.note.try_get_value() {
            before.clear();
        }
    }

    fn begin(self, first: usize) {
        let Some(frame) = self.frame.try_get_untracked().flatten() else {
            return;
        };
        // A page is put in its place only once all of it is there.
        if !frame.is_connected() {
            request_animation_frame(move || self.begin(first));
            return;
        }
        if let Some(row) = self.row()
            && first > 0
        {
            frame.set_scroll_top((row * first as f64).ceil() as i32);
        }
        self.look();
    }

    /// Sees which rows are in view. Whether the table is a long one.
    fn look(self) -> bool {
        let frame = self.frame.try_get_untracked().flatten();
        let (Some(row), Some(frame)) = (self.row(), frame) else {
            return false;
        };
        let first = f64::from(frame.scroll_top()) / row;
        let fits = f64::from(frame.client_height()) / row;
        let view = (first as usize, fits as usize + 2);
        if self.view.get_untracked() != view {
            self.view.set(view);
        }
        true
    }

    /// How high a row is, in pixels, if the table is a long one that is shown.
    fn row(self) -> Option<f64> {
        let count = self
            .count
            .try_get_untracked()
            .filter(|count| *count > LONG)?;
        let frame = self.frame.try_get_untracked()??;
        let body = frame.query_selector("tbody").ok()??;
        let whole = f64::from(body.client_height());
        (whole > 0.0).then_some(whole / count as f64)
    }
}
