//! The codes of problems. They are part of the API: a code keeps its meaning.

/// A code, the status it comes with, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The word.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What it says, as a sentence.
    pub meaning: &'static str,
}

/// Every code with which the API refuses a request, by status. Problems of jobs
/// have further ones, which come from the role that found them.
#[rustfmt::skip]
pub const CODES: &[Code] = &[
    code("invalid-request", 400, "The body is no JSON, or is nested too deeply."),
    code("invalid-query", 400, "A parameter after the `?` is unknown or cannot be read."),
    code("invalid-header", 400, "A header field of the request cannot be read."),
    code("idempotency-key-invalid", 400, "The idempotency key is not 1 to 255 visible ASCII characters."),
    code("condition-unsupported", 400, "The operation takes no If-Match."),
    code("host-missing", 400, "The request names no host."),
    code("unauthorized", 401, "There is no access token, or it is not good."),
    code("forbidden", 403, "The caller lacks the permission that the operation needs."),
    code("another-key", 403, "Of the access keys, one can see, rotate and revoke itself alone."),
    code("key-may-more", 403, "The access key may do what the caller may not."),
    code("not-in-person", 403, "An access key, or a session with limited scopes, cannot do this."),
    code("no-user", 403, "The caller is the host's own key, which is no user."),
    code("project-closed", 403, "Only its owners decide who is in the project."),
    code("not-a-member", 403, "The host that sent the request is not in the group any more."),
    code("no-such-route", 404, "The API has no such path."),
    code("no-such-thing", 404, "The path names nothing that could exist."),
    code("term-not-found", 404, "There is no such version of the terms of use."),
    code("app-not-found", 404, "There is no such app."),
    code("droplet-not-found", 404, "There is no such droplet."),
    code("factor-not-found", 404, "There is no such second factor."),
    code("job-not-found", 404, "There is no such job."),
    code("passkey-not-found", 404, "There is no such passkey."),
    code("project-not-found", 404, "There is no such project."),
    code("role-not-found", 404, "There is no such role."),
    code("route-not-found", 404, "There is no such route."),
    code("session-not-found", 404, "There is no such session."),
    code("target-not-found", 404, "The route does not lead to that app."),
    code("user-not-found", 404, "There is no such user."),
    code("access-binding-not-found", 404, "There is no such access binding."),
    code("access-role-not-found", 404, "There is no such access role."),
    code("key-not-found", 404, "There is no such access key."),
    code("member-not-found", 404, "The user is not in the project."),
    code("quota-not-found", 404, "There is no such quota."),
    code("host-not-found", 404, "There is no such host in the group."),
    code("link-token-not-found", 404, "There is no such link token."),
    code("block-not-found", 404, "There is no such block."),
    code("backup-not-found", 404, "There is no such backup."),
    code("bundle-not-found", 404, "There is no such bundle."),
    code("cluster-not-found", 404, "There is no such cluster."),
    code("certificate-not-found", 404, "There is no such certificate."),
    code("queue-not-found", 404, "There is no such queue."),
    code("message-not-found", 404, "The queue has no such message."),
    code("file-not-found", 404, "The bundle has no such file."),
    code("method-not-allowed", 405, "The path has no such method; the Allow field names those it has."),
    code("message-at-hand", 409, "The message is being done right now."),
    code("host-silent", 409, "Another host of the group did not answer; it was not asked to change anything."),
    code("not-of-a-host", 409, "This concerns the group, not one host of it."),
    code("host-follows", 409, "This host does what its leader says, which decides on apps, routes and bundles."),
    code("name-configured", 409, "The host was given its name where it is started."),
    code("bundle-exists", 409, "There is a bundle of that name with other content."),
    code("bundle-incomplete", 409, "Not all of the bundle has arrived on the host."),
    code("bundle-of-other-kind", 409, "The bundle is good for something else."),
    code("above-you", 409, "The user may do what the caller may not."),
    code("user-suspended", 409, "The user is suspended."),
    code("user-deleted", 409, "The user is gone for good."),
    code("app-has-no-droplet", 409, "The app was never pushed with success, so nothing could run."),
    code("app-name-taken", 409, "An app of another project has that name."),
    code("data-collides", 409, "What is to be imported collides with what is there."),
    code("backup-key-missing", 409, "Nothing is set that opens backups."),
    code("backup-unusable", 409, "The backup cannot be used."),
    code("blocks-not-shared", 409, "The blocks are in no bucket of which this host would have to decide."),
    code("blocks-there", 409, "The blocks are kept there already."),
    code("job-in-progress", 409, "A job that does the same has not ended."),
    code("blocks-missing", 409, "Blocks of the files were not uploaded."),
    code("exists-already", 409, "There is one like it already."),
    code("host-of-another-project", 409, "Another project has routes with the host name, or with one that it covers or that covers it."),
    code("host-reserved", 409, "The host name is the platform's own."),
    code("idempotency-answer-gone", 409, "The change was made before; its answer is not kept."),
    code("idempotency-in-progress", 409, "The same request is being carried out."),
    code("idempotency-unknown", 409, "The host failed or ended while it carried the same request out; nobody can tell whether the change was made."),
    code("job-ended", 409, "The job has ended."),
    code("no-earlier-droplet", 409, "There is no droplet to return to."),
    code("no-factor", 409, "Recovery codes stand in for a second factor, and there is none."),
    code("no-totp", 409, "There is no authenticator app that waits for a first code."),
    code("passkeys-need-a-name", 409, "Passkeys need a host name, and this Muster is reached by an IP address."),
    code("plugin-not-bundled", 409, "The host came without a plugin for the role."),
    code("role-alone", 409, "A load balancer takes no other role on its host."),
    code("role-missing", 409, "The host does not have the role."),
    code("role-builtin", 409, "The role is part of the host."),
    code("route-of-another-project", 409, "The route belongs to another project."),
    code("route-taken", 409, "The route does something else already."),
    code("access-role-builtin", 409, "The access role has been there from the beginning and stays as it is."),
    code("access-role-in-use", 409, "Somebody has the access role."),
    code("key-ended", 409, "The access key is expired or revoked."),
    code("key-is-internal", 409, "The access key belongs to the host and cannot be revoked."),
    code("last-admin", 409, "Nobody else could do everything."),
    code("last-owner", 409, "The project would have no owner."),
    code("member-already", 409, "The caller is in the project already, or asked to be."),
    code("nothing-asked", 409, "The user has not asked to be let in or out."),
    code("project-is-personal", 409, "The project is one user's own."),
    code("project-not-empty", 409, "The project still has apps or routes."),
    code("project-suspended", 409, "The project is suspended: nothing may be added or started in it."),
    code("project-terminated", 409, "The project is terminated."),
    code("route-shared", 409, "The route leads to other apps too."),
    code("too-many-keys", 409, "The user has as many access keys as anybody may have."),
    code("too-many-passkeys", 409, "The user has as many passkeys as anybody may have."),
    code("totp-exists", 409, "The user has an authenticator app already."),
    code("sign-up-closed", 409, "Nobody can sign up here; an admin makes users."),
    code("identity-taken", 409, "Another user signs in with that identity."),
    code("last-way-in", 409, "The user could not sign in any more."),
    code("user-active", 409, "The user is active already."),
    code("user-pending", 409, "The user waits for an admin."),
    code("link-used", 409, "The link was used, or a newer one was made."),
    code("already-linked", 409, "The host is linked already."),
    code("busy", 409, "The host is just being linked or unlinked, or its cluster changed."),
    code("cluster-exists", 409, "There already is a cluster."),
    code("not-upgradable", 409, "The hosts of the cluster cannot go from their version to that one."),
    code("hosts-away", 409, "Not all hosts of the cluster answer."),
    code("nothing-to-upgrade", 409, "All hosts run that version already, or there is none to go back to."),
    code("state-not-shared", 409, "The group's state lies in a file of one host."),
    code("has-followers", 409, "Hosts follow this one."),
    code("in-use", 409, "Something runs on the host."),
    code("incompatible-version", 409, "The two hosts have versions that do not go together."),
    code("itself", 409, "The link token is the host's own."),
    code("multi-node-off", 409, "Links are switched off on one of the two hosts."),
    code("not-a-leader", 409, "The host follows a leader itself."),
    code("not-linked", 409, "The host is not linked."),
    code("other-mode", 409, "The two hosts are installed in different modes."),
    code("other-operating-system", 409, "The two hosts have different operating systems."),
    code("pin-mismatch", 409, "Whoever answers is not of the group that the link token is of."),
    code("proof-wrong", 409, "The link token's secret is another one."),
    code("running-workloads", 409, "Something runs on the host that would join."),
    code("token-expired", 409, "The link token has expired."),
    code("token-used", 409, "The link token has been used."),
    code("unknown-token", 409, "The leader does not know the link token."),
    code("unreachable", 409, "The leader cannot be reached."),
    code("peers-port-taken", 409, "The address for peers cannot be listened on."),
    code("leader-odd", 409, "The leader did not answer as it should."),
    code("still-leads", 409, "The host is a leader itself."),
    code("name-ambiguous", 409, "Several hosts have the name."),
    code("precondition-failed", 412, "It is not what If-Match says; the ETag field has its tag."),
    code("limit-request-body", 413, "The request's body is larger than the app's limit."),
    code("invalid-request", 413, "The body is too large, or broke off."),
    code("over-quota", 413, "It would be more than a quota allows; `quota` says how much."),
    code("not-json", 415, "The body is not announced as application/json."),
    code("block-wrong", 422, "The bytes of the block are not those that its name says."),
    code("component-unusable", 422, "The component cannot run on this host."),
    code("idempotency-key-reused", 422, "The idempotency key came with another request before."),
    code("captcha-required", 422, "The caller has to show that they are no bot; `captcha` says how."),
    code("invalid-request", 422, "Fields are wrong; `fields` names them."),
    code("plugin-unusable", 422, "The plugin cannot play the role."),
    code("locked", 429, "There were too many wrong passwords or codes; Retry-After says how long to wait."),
    code("rate-limited", 429, "Too many requests in a short time; Retry-After says how long to wait."),
    code("too-many-streams", 429, "The caller has too many streams open."),
    code("limit-request-headers", 431, "The request's header fields are larger than the app's limit."),
    code("internal", 500, "The host failed."),
    code("limit-response-headers", 502, "The answer's header fields are larger than the app's limit."),
    code("limit-response-body", 502, "The answer is larger than the app's limit."),
    code("app-trapped", 502, "The app failed."),
    code("app-no-response", 502, "The app gave no answer."),
    code("router-invalid-redirect", 502, "The router asked for a redirect that is none."),
    code("host-broke-off", 502, "The connection to the host that runs the app broke; the request may or may not have been served."),
    code("backups-away", 503, "The place of backups cannot be used."),
    code("blocks-away", 503, "The server that keeps the blocks does not do its part."),
    code("host-unreachable", 503, "The host that runs the app cannot be reached."),
    code("app-not-running", 503, "No instance of the app runs."),
    code("router-missing", 503, "The host has no router."),
    code("router-failing", 503, "The host's router fails."),
    code("captcha-unavailable", 503, "Whether somebody is a bot cannot be checked now."),
    code("database-unreachable", 503, "No server of the database can be reached; nothing was changed."),
    code("database-busy", 503, "The database took too long; nothing was changed."),
    code("no-leader", 503, "No control-plane host leads at the moment; nothing was changed."),
    code("leader-changed", 503, "Another host of the cluster leads by now; nothing was changed."),
    code("read-only", 503, "The host's database can only be read."),
    code("limit-concurrency", 503, "The app has as many requests as it may have at once."),
    code("not-held-elsewhere", 503, "No other control-plane host could get what was uploaded; nothing was changed."),
    code("host-full", 503, "The host runs as many instances as it can."),
    code("limit-memory", 503, "The app needs more memory than its limit."),
    code("host-outcome-unknown", 504, "Another host of the group was asked for a change and gave no answer; nobody can tell whether it was made."),
    code("leader-outcome-unknown", 504, "The host that leads was asked for a change and gave no answer; nobody can tell whether it was made."),
    code("database-outcome-unknown", 504, "The database server was lost while it made the change; nobody can tell whether it was made."),
    code("limit-cpu", 504, "The app needs more CPU time than its limit."),
    code("limit-time", 504, "The app takes longer than its limit."),
    code("no-space", 507, "The host's disk is full."),
];

const fn code(code: &'static str, status: u16, meaning: &'static str) -> Code {
    Code {
        code,
        status,
        meaning,
    }
}

/// Whether the API refuses with that code and status.
#[must_use]
pub fn is_known(code: &str, status: u16) -> bool {
    CODES
        .iter()
        .any(|known| known.code == code && known.status == status)
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn the_table_is_sorted_by_status_and_says_nothing_twice() {
        assert!(
            CODES
                .windows(2)
                .all(|pair| pair[0].status <= pair[1].status)
        );
        for (index, code) in CODES.iter().enumerate() {
            let same =
                |other: &&super::Code| (other.code, other.status) == (code.code, code.status);
            assert_eq!(
                CODES.iter().position(|other| same(&other)),
                Some(index),
                "{code:?}"
            );
        }
    }
}
