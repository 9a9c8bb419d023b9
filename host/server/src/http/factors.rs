//! `/self/factors`, `/self/passkeys`: second factors.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use muster_api::{
    factors::{
        Factors, NewPasskey, Passkey, PasskeyChallenge, PasskeyChange, Proof, RecoveryCodes,
        TotpConfirmation, TotpEnrolment,
    },
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OrPlan, Tagged},
    reply::{Answer, Input, Segment, Unkept},
};
use crate::control::{factors::passkey_view, terms::Outcome};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(self_factor_list))
        .routes(routes!(self_totp_add))
        .routes(routes!(self_totp_confirm))
        .routes(routes!(self_totp_remove))
        .routes(routes!(self_recovery_codes_create))
        .routes(routes!(self_passkey_challenge))
        .routes(routes!(self_passkey_add))
        .routes(routes!(self_passkey_show, self_passkey_change))
        .routes(routes!(self_passkey_remove))
        .routes(routes!(user_factors_reset))
}

/// Show your second factors.
#[utoipa::path(get, path = "/self/factors", tag = "self", responses((status = 200, body = Factors)))]
async fn self_factor_list(State(api): State<Api>, Caller(actor): Caller) -> Answer<Json<Factors>> {
    Ok(Json(api.factors.list(&actor).await?))
}

/// Make a secret for an authenticator app. It counts once it is confirmed.
#[utoipa::path(post, path = "/self/factors/totp", tag = "self", request_body = Proof, responses(
    (status = 201, description = "The secret, shown this once", body = TotpEnrolment),
    (status = 409, description = "There is an authenticator app already", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The proof is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_totp_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(proof): Input<Proof>,
) -> Answer<Unkept<(StatusCode, Json<TotpEnrolment>)>> {
    let enrolment = api.factors.add_totp(&actor, &proof).await?;
    Ok(Unkept((StatusCode::CREATED, Json(enrolment))))
}

/// Confirm the authenticator app with a first code from it.
#[utoipa::path(post, path = "/self/factors/totp/actions/confirm", tag = "self", request_body = TotpConfirmation, responses(
    (status = 204, description = "From now on it counts"),
    (status = 409, description = "There is none to confirm", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The code is wrong", body = Problem, content_type = "application/problem+json"),
))]
async fn self_totp_confirm(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(confirmation): Input<TotpConfirmation>,
) -> Answer<StatusCode> {
    let code = confirmation.code.expose();
    api.factors.confirm_totp(&actor, code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove the authenticator app.
#[utoipa::path(post, path = "/self/factors/totp/actions/remove", tag = "self", request_body = Proof, responses(
    (status = 204, description = "It is gone"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The proof is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_totp_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(proof): Input<Proof>,
) -> Answer<StatusCode> {
    api.factors.remove_totp(&actor, &proof).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make ten recovery codes in place of all earlier ones.
#[utoipa::path(post, path = "/self/factors/recovery-codes", tag = "self", request_body = Proof, responses(
    (status = 201, description = "The codes, shown this once", body = RecoveryCodes),
    (status = 409, description = "There is no factor that they could stand in for", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The proof is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_recovery_codes_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(proof): Input<Proof>,
) -> Answer<Unkept<(StatusCode, Json<RecoveryCodes>)>> {
    let codes = api.factors.new_recovery_codes(&actor, &proof).await?;
    Ok(Unkept((StatusCode::CREATED, Json(codes))))
}

/// Begin to register a passkey.
#[utoipa::path(post, path = "/self/passkeys/challenges", tag = "self", request_body = Proof, responses(
    (status = 201, description = "What to ask the device that is to hold it", body = PasskeyChallenge),
    (status = 409, description = "Passkeys need a host name, and this Muster has none; or there are too many", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The proof is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_passkey_challenge(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(proof): Input<Proof>,
) -> Answer<Unkept<(StatusCode, Json<PasskeyChallenge>)>> {
    let challenge = api.factors.passkey_registration(&actor, &proof).await?;
    Ok(Unkept((StatusCode::CREATED, Json(challenge))))
}

/// Register the passkey that a device has made.
#[utoipa::path(post, path = "/self/passkeys", tag = "self", request_body = NewPasskey, responses(
    (status = 201, description = "From now on it counts", body = Passkey),
    (status = 409, description = "It is registered already, or there are too many", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The ticket or the device's answer is no good", body = Problem, content_type = "application/problem+json"),
))]
async fn self_passkey_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewPasskey>,
) -> Answer<(StatusCode, Json<Passkey>)> {
    let passkey = api.factors.add_passkey(&actor, new).await?;
    Ok((StatusCode::CREATED, Json(passkey)))
}

/// Show one of your passkeys.
#[utoipa::path(get, path = "/self/passkeys/{passkey}", tag = "self", params(("passkey" = String, Path, description = "The passkey's id")), responses(
    (status = 200, body = Passkey),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn self_passkey_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(passkey): Segment<String>,
) -> Answer<Tagged<Json<Passkey>>> {
    let passkey = api.factors.passkey(&actor, &passkey).await?;
    Ok(Tagged::new(&passkey.clone(), Json(passkey_view(passkey))))
}

/// Call a passkey something else.
#[utoipa::path(patch, path = "/self/passkeys/{passkey}", tag = "self", params(("passkey" = String, Path, description = "The passkey's id"), DryRun), request_body = PasskeyChange, responses(
    (status = 200, description = "The passkey; for a dry run, the plan", body = OrPlan<Passkey>),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn self_passkey_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(passkey): Segment<String>,
    On(terms): On,
    Input(change): Input<PasskeyChange>,
) -> Answer<Response> {
    let renamed = api
        .factors
        .rename_passkey(&actor, &terms, &passkey, &change);
    Ok(match renamed.await? {
        Outcome::Done(passkey) => {
            Tagged::new(&passkey.clone(), Json(passkey_view(passkey))).into_response()
        }
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Remove a passkey.
#[utoipa::path(post, path = "/self/passkeys/{passkey}/actions/remove", tag = "self", params(("passkey" = String, Path, description = "The passkey's id")), request_body = Proof, responses(
    (status = 204, description = "It is gone"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The proof is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong proofs", body = Problem, content_type = "application/problem+json"),
))]
async fn self_passkey_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(passkey): Segment<String>,
    Input(proof): Input<Proof>,
) -> Answer<StatusCode> {
    let removed = api.factors.remove_passkey(&actor, &passkey, &proof);
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take all second factors of a user away, who has lost them. `If-Match` is about
/// the user.
#[utoipa::path(delete, path = "/users/{user}/factors", tag = "users", params(("user" = String, Path, description = "The user's name or id"), DryRun), responses(
    (status = 204, description = "The user signs in without a second factor"),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn user_factors_reset(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(user): Segment<String>,
) -> Answer<Response> {
    Ok(match api.factors.reset(&actor, &terms, &user).await? {
        Outcome::Done(()) => StatusCode::NO_CONTENT.into_response(),
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}
