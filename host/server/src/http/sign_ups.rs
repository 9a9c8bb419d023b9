//! `/sign-ups`, `/activations`, `/password-resets`: what people do who are not
//! signed in yet. And `/mail/test`.

use axum::{Json, extract::State, http::StatusCode};
use muster_api::{
    problem::Problem,
    sign_ups::{
        LinkReply, MailTest, MailTestReply, NewActivation, NewPasswordReset, NewSignUp,
        PasswordResetReply, SignUpInfo, SignUpReply, Verification,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Visitor,
    reply::{Answer, Input},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(sign_up_show, sign_up_create))
        .routes(routes!(sign_up_verify))
        .routes(routes!(activation_create))
        .routes(routes!(password_reset_create))
        .routes(routes!(mail_test))
}

/// Show whether people may sign up, and what it takes.
#[utoipa::path(get, path = "/sign-ups", tag = "sign-up", security(()), responses((status = 200, body = SignUpInfo)))]
async fn sign_up_show(State(api): State<Api>) -> Answer<Json<SignUpInfo>> {
    Ok(Json(api.sign_ups.info().await?))
}

/// Sign up. The answer is the same whether or not name and address are known.
#[utoipa::path(post, path = "/sign-ups", tag = "sign-up", security(()), request_body = NewSignUp, responses(
    (status = 202, body = SignUpReply),
    (status = 409, description = "Nobody may sign up", body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn sign_up_create(
    State(api): State<Api>,
    Visitor(visitor): Visitor,
    Input(new): Input<NewSignUp>,
) -> Answer<(StatusCode, Json<SignUpReply>)> {
    let reply = api.sign_ups.create(&visitor, new).await?;
    Ok((StatusCode::ACCEPTED, Json(reply)))
}

/// Show by the link in a mail that an address is yours.
#[utoipa::path(post, path = "/sign-ups/verification", tag = "sign-up", security(()), request_body = Verification, responses(
    (status = 200, body = LinkReply),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn sign_up_verify(
    State(api): State<Api>,
    Visitor(visitor): Visitor,
    Input(with): Input<Verification>,
) -> Answer<Json<LinkReply>> {
    Ok(Json(api.sign_ups.verify(&visitor, with).await?))
}

/// Set your password by the link of an activation, or of a forgotten password.
/// All your sessions end.
#[utoipa::path(post, path = "/activations", tag = "sign-up", security(()), request_body = NewActivation, responses(
    (status = 200, body = LinkReply),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn activation_create(
    State(api): State<Api>,
    Visitor(visitor): Visitor,
    Input(with): Input<NewActivation>,
) -> Answer<Json<LinkReply>> {
    Ok(Json(api.activations.set_password(&visitor, with).await?))
}

/// Ask for a link by which a forgotten password can be replaced. It goes to the
/// address by mail, if anybody is known by it; the answer does not tell. Where
/// mail is not configured, an admin has to pass a link on.
#[utoipa::path(post, path = "/password-resets", tag = "sign-up", security(()), request_body = NewPasswordReset, responses(
    (status = 202, body = PasswordResetReply),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn password_reset_create(
    State(api): State<Api>,
    Input(ask): Input<NewPasswordReset>,
) -> Answer<(StatusCode, Json<PasswordResetReply>)> {
    let reply = api.activations.ask_reset(ask).await?;
    Ok((StatusCode::ACCEPTED, Json(reply)))
}

/// Send a mail at once, and say what the server said.
#[utoipa::path(post, path = "/mail/test", tag = "config", request_body = MailTest, responses(
    (status = 200, body = MailTestReply),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn mail_test(
    State(api): State<Api>,
    Input(test): Input<MailTest>,
) -> Answer<Json<MailTestReply>> {
    Ok(Json(api.post.test(&test.to).await?))
}
