//! How callers show who they are.

use muster_api::permissions::Permission;
use serde_json::{Map, Value, json};

/// Puts the schemes into the document, and says that either will do.
pub(super) fn complete(document: &mut Value) {
    let scopes: Map<String, Value> = Permission::ALL
        .iter()
        .map(|permission| {
            let about = permission.description();
            (permission.word().to_owned(), json!(about))
        })
        .collect();
    let (authorize, token) = ("/oauth/authorize", "/oauth/token");
    document["components"]["securitySchemes"] = json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token, however it was got",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "The same tokens, and how they are got. Without scopes a token may do what its user may. Codes take PKCE with `S256`. The flow for devices (RFC 8628) stands in `x-deviceAuthorization`, for this version of OpenAPI has no field for it.",
            "flows": {
                "password": { "tokenUrl": token, "refreshUrl": token, "scopes": scopes },
                "clientCredentials": { "tokenUrl": token, "scopes": scopes },
                "authorizationCode": {
                    "authorizationUrl": authorize,
                    "tokenUrl": token,
                    "refreshUrl": token,
                    "scopes": scopes,
                    "x-code-challenge-methods": ["S256"],
                },
                "x-deviceAuthorization": {
                    "deviceAuthorizationUrl": "/oauth/device_authorization",
                    "tokenUrl": token,
                    "refreshUrl": token,
                    "scopes": scopes,
                },
            },
        },
    });
    document["security"] = json!([{ "token": [] }, { "oauth2": [] }]);
}

#[cfg(test)]
mod tests {
    use crate::http::openapi::with_document;

    #[test]
    fn flows_lead_to_operations_of_the_document() {
        let document = with_document().1;
        let flows = &document["components"]["securitySchemes"]["oauth2"]["flows"];
        assert_eq!(flows.as_object().unwrap().len(), 4);
        for flow in flows.as_object().unwrap().values() {
            for field in [
                "tokenUrl",
                "refreshUrl",
                "authorizationUrl",
                "deviceAuthorizationUrl",
            ] {
                let Some(path) = flow.get(field).and_then(|path| path.as_str()) else {
                    continue;
                };
                assert!(document["paths"].get(path).is_some(), "{field}: {path}");
            }
            assert!(flow["scopes"]["app:read"].is_string());
        }
    }
}
