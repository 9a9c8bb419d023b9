//! The sections of the configuration: the values of each have a schema, and
//! what shows a section says which of them it has.

use muster_api::config::{
    Section, audit::AuditConfig, backup::BackupConfig, captcha::Captcha, jobs::JobsConfig,
    load_balancer::LoadBalancer, mail::Mail, management::Management, passwords::PasswordPolicy,
    rate_limits::RateLimits, sign_in::SignIn, sign_up::SignUp, tokens::Tokens,
};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

/// Has the sections' schemas in the document.
#[derive(OpenApi)]
#[openapi(components(schemas(
    AuditConfig,
    BackupConfig,
    Captcha,
    JobsConfig,
    LoadBalancer,
    Mail,
    Management,
    PasswordPolicy,
    RateLimits,
    SignIn,
    SignUp,
    Tokens
)))]
pub(super) struct Schemas;

struct Described {
    name: &'static str,
    about: &'static str,
    schema: String,
    defaults: Value,
}

fn described<S: Section + ToSchema>() -> Described {
    let mut defaults = S::default();
    defaults.mask();
    Described {
        name: S::NAME,
        about: S::ABOUT,
        schema: format!("#/components/schemas/{}", S::name()),
        // Plain data always has a JSON form.
        defaults: serde_json::to_value(&defaults).unwrap_or_default(),
    }
}

fn all() -> [Described; 12] {
    [
        described::<AuditConfig>(),
        described::<BackupConfig>(),
        described::<Captcha>(),
        described::<JobsConfig>(),
        described::<LoadBalancer>(),
        described::<Mail>(),
        described::<Management>(),
        described::<PasswordPolicy>(),
        described::<RateLimits>(),
        described::<SignIn>(),
        described::<SignUp>(),
        described::<Tokens>(),
    ]
}

/// Completes what speaks of sections.
pub(super) fn complete(document: &mut Value) {
    let sections = all();
    let names: Vec<_> = sections.iter().map(|section| section.name).collect();
    let views: Vec<_> = sections.iter().map(view).collect();
    let schemas = &mut document["components"]["schemas"];
    schemas["SectionView"] = json!({
        "description": "A section with its values. Secrets show as `********`; sent back, that keeps them.",
        "oneOf": views,
    });
    let values: Vec<_> = sections
        .iter()
        .map(|section| json!({ "$ref": section.schema }))
        .collect();
    // Any and not one of them: an object without fields is every section's
    // defaults.
    schemas["SectionValues"] = json!({
        "description": "The values of the section that the path names; what is left out has its default.",
        "anyOf": values,
    });
    name_kinds(schemas);
    let methods = &mut document["paths"]["/api/v1/config/{section}"];
    for operation in methods
        .as_object_mut()
        .into_iter()
        .flat_map(|methods| methods.values_mut())
    {
        let parameters = operation["parameters"].as_array_mut().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["name"] == "section") {
            parameter["schema"] = json!({ "type": "string", "enum": names });
        }
    }
    let Some(body) = methods.pointer_mut("/put/requestBody/content/application~1json") else {
        return;
    };
    body["schema"] = json!({ "$ref": "#/components/schemas/SectionValues" });
    for section in &sections {
        body["examples"][section.name] =
            json!({ "summary": section.about, "value": section.defaults });
    }
}

/// What the settings of a sign-in method are depends on their `kind`, which is
/// one of their fields: an object that allows no other fields must have it.
fn name_kinds(schemas: &mut Value) {
    let variants = schemas["MethodSettings"]["oneOf"].take();
    let mut named = Vec::new();
    for variant in variants.as_array().into_iter().flatten() {
        let reference = &variant["allOf"][0]["$ref"];
        let kind = &variant["allOf"][1]["properties"]["kind"];
        let name = reference.as_str().and_then(|path| path.rsplit('/').next());
        if let Some(name) = name {
            schemas[name]["properties"]["kind"] = kind.clone();
            schemas[name]["required"] = json!(["kind"]);
        }
        named.push(json!({ "$ref": reference }));
    }
    schemas["MethodSettings"]["oneOf"] = json!(named);
}

fn view(section: &Described) -> Value {
    json!({
        "title": section.name,
        "type": "object",
        "required": ["section", "about", "is_set", "values"],
        "properties": {
            "section": { "type": "string", "enum": [section.name], "description": "Its name." },
            "about": { "type": "string", "description": "What it settles." },
            "is_set": { "type": "boolean", "description": "Whether it was set, or is its defaults." },
            "leader": { "type": "string", "description": "The leader whose values these are, on a host that follows one." },
            "values": { "$ref": section.schema },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::all;
    use crate::control::config::{accepts, keys};

    #[test]
    fn settings_of_methods_have_their_kind() {
        let document = crate::http::openapi::with_document().1;
        let schemas = &document["components"]["schemas"];
        let variants = schemas["MethodSettings"]["oneOf"].as_array().unwrap();
        assert_eq!(variants.len(), 4);
        for variant in variants {
            let path = variant["$ref"].as_str().unwrap();
            let schema = document.pointer(path.trim_start_matches('#')).unwrap();
            assert_eq!(schema["required"], serde_json::json!(["kind"]), "{path}");
            assert!(schema["properties"]["kind"]["enum"].is_array(), "{path}");
        }
    }

    #[test]
    fn all_sections_are_described_and_their_examples_are_accepted() {
        let described: Vec<_> = all()
            .map(|section| format!("config.{}", section.name))
            .into();
        assert_eq!(keys().collect::<Vec<_>>(), described);
        for section in all() {
            accepts(section.name, section.defaults).unwrap();
        }
    }
}
