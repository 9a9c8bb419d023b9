//! QR codes.

use leptos::prelude::*;
use qrcodegen::{QrCode, QrCodeEcc};

/// A text as a QR code; nothing if it is too long for one.
#[component]
pub fn Qr(text: String, label: &'static str) -> impl IntoView {
    let code = QrCode::encode_text(&text, QrCodeEcc::Low).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in 0..size {
            if code.get_module(x, y) {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
    }
    let frame = format!("-3 -3 {0} {0}", size + 6);
    Some(view! {
        <svg class="qr" viewBox=frame role="img" aria-label=label>
            <path d=path />
        </svg>
    })
}
