//! The console: what people see in their browsers. It speaks to the host that it
//! came from over the public API, as the command line does, and knows nothing
//! else.

mod api;
mod components;
mod pages;
mod session;
mod words;

use components::shell::Console;
use wasm_bindgen::prelude::wasm_bindgen;

/// Puts the console on the page.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    words::settle();
    components::theme::settle();
    leptos::mount::mount_to_body(Console);
    pages::later::load_when_idle();
}
