//! Making a passkey: what the host asks goes to the browser, and what the device answers
//! comes back as the host takes it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use js_sys::{Array, Function, JSON, Promise, Reflect, Uint8Array};
use serde_json::{Value, json};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::words::{Text, t};

/// Has the browser make a passkey. `options` is the argument of
/// `navigator.credentials.create`, with bytes in base64url; so is what comes back.
///
/// # Errors
/// What the browser says, or that pages like this one get none.
pub async fn create(options: &Value) -> Result<Value, String> {
    let navigator = leptos::prelude::window().navigator();
    let credentials = Reflect::get(&navigator, &"credentials".into()).unwrap_or_default();
    if credentials.is_undefined() {
        return Err(t(Text::PasskeysNeedSecure).to_owned());
    }
    made(&credentials, options).await.map_err(|error| {
        let message = Reflect::get(&error, &"message".into());
        let message = message.ok().and_then(|text| text.as_string());
        message.unwrap_or_else(|| format!("{error:?}"))
    })
}

async fn made(credentials: &JsValue, options: &Value) -> Result<Value, JsValue> {
    let options = JSON::parse(&options.to_string())?;
    let wanted = get(&options, "publicKey")?;
    to_bytes(&wanted, "challenge")?;
    to_bytes(&get(&wanted, "user")?, "id")?;
    let known = get(&wanted, "excludeCredentials")?;
    if Array::is_array(&known) {
        for one in known.unchecked_into::<Array>().iter() {
            to_bytes(&one, "id")?;
        }
    }
    let create: Function = get(credentials, "create")?.dyn_into()?;
    let made: Promise = create.call1(credentials, &options)?.dyn_into()?;
    let made = JsFuture::from(made).await?;
    let response = get(&made, "response")?;
    let extensions: Function = get(&made, "getClientExtensionResults")?.dyn_into()?;
    let extensions: String = JSON::stringify(&extensions.call0(&made)?)?.into();
    let extensions: Value = serde_json::from_str(&extensions).unwrap_or_else(|_| json!({}));
    Ok(json!({
        "id": get(&made, "id")?.as_string(),
        "rawId": from_bytes(&made, "rawId")?,
        "type": get(&made, "type")?.as_string(),
        "extensions": extensions,
        "response": {
            "attestationObject": from_bytes(&response, "attestationObject")?,
            "clientDataJSON": from_bytes(&response, "clientDataJSON")?,
        },
    }))
}

fn get(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())
}

/// Puts bytes in the place of their base64url.
fn to_bytes(of: &JsValue, name: &str) -> Result<(), JsValue> {
    let text = get(of, name)?.as_string().unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|error| JsValue::from_str(&error.to_string()))?;
    Reflect::set(of, &name.into(), &Uint8Array::from(bytes.as_slice()))?;
    Ok(())
}

fn from_bytes(of: &JsValue, name: &str) -> Result<String, JsValue> {
    let bytes = Uint8Array::new(&get(of, name)?).to_vec();
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
