//! Who somebody is, what they may do, and what attackers get.

mod access_keys;
mod attacks;
mod login_in_browser;
mod oauth_code;
mod oauth_device;
mod oauth_tokens;
mod permissions;
mod second_factors;
mod sign_in_ldap;
mod sign_in_oidc;
mod sign_in_puzzle;
mod sign_in_shibboleth;
mod sign_ups;
mod terms;
mod users;
