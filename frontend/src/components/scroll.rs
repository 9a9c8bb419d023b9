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

/// For how many frames a table is held at the row that the address names: what it is
/// in may be put in its place only after it was made, which leads back to the top.
const HELD: u32 = 60;

/// A frame in which a table is scrolled.
#[derive(Clone, Copy)]
pub struct Scroll {
    /// The frame.
    pub frame: NodeRef<Div>,
    /// The first row in view, from 0, and how many fit.
    pub view: RwSignal<(usize, usize)>,
    count: Memo<usize>,
    keep: SignalSetter<Option<String>>,
    /// The row of the address, as long as the table is held there.
    aim: StoredValue<Option<usize>>,
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
            aim: StoredValue::new((first > 0).then_some(first)),
            note: StoredValue::new(None),
        };
        Effect::new(move |_| {
            if this.frame.get().is_some() {
                request_animation_frame(move || this.begin(HELD));
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
        if !self.look() || self.is_held() {
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
        self.aim.set_value(None);
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

    /// Leads to the row of the address, and holds the table there for so many frames.
    fn begin(self, frames: u32) {
        let Some(frame) = self.frame.try_get_untracked().flatten() else {
            return;
        };
        let aims = self.aim.try_get_value().flatten().is_some();
        if frame.is_connected() && (!aims || frames == 0) {
            self.aim.set_value(None);
            self.look();
            return;
        }
        if let Some(there) = self.there().filter(|there| frame.scroll_top() != *there) {
            frame.set_scroll_top(there);
            self.look();
        }
        let left = match frame.is_connected() {
            true => frames - 1,
            false => frames,
        };
        request_animation_frame(move || self.begin(left));
    }

    /// Where the row of the address is, in pixels, as long as the table is held there.
    fn there(self) -> Option<i32> {
        let first = self.aim.try_get_value().flatten()?;
        let frame = self.frame.try_get_untracked().flatten()?;
        let there = (self.row()? * first as f64).ceil() as i32;
        // The last rows fill the frame together.
        Some(there.min(frame.scroll_height() - frame.client_height()))
    }

    /// Whether the table is held where it is; no more once somebody scrolls it.
    fn is_held(self) -> bool {
        let frame = self.frame.try_get_untracked().flatten();
        let (Some(there), Some(frame)) = (self.there(), frame) else {
            return false;
        };
        let top = frame.scroll_top();
        let held = top == 0 || (top - there).abs() <= 1;
        if !held {
            self.aim.set_value(None);
        }
        held
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
