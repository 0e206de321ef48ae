//! `ssl_options.*` and `web_stomp.ssl.*`: files, and what is asked of clients.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::settings::Settings;

/// What a set of TLS listeners has been told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// `certfile`: what is shown to clients.
    pub(crate) certificate: Option<PathBuf>,
    /// `keyfile`: its private key.
    pub(crate) key: Option<PathBuf>,
    /// `cacertfile`: who issues certificates of clients.
    pub(crate) authorities: Option<PathBuf>,
    /// `verify = verify_peer`: clients are asked for certificates.
    pub(crate) is_verifying: bool,
    /// `fail_if_no_peer_cert`: clients without one are refused.
    pub(crate) is_certificate_required: bool,
    /// `versions.<n>`, by their number; all if there is none.
    pub(crate) versions: BTreeMap<String, TlsVersion>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    /// `tlsv1.2`.
    V1_2,
    /// `tlsv1.3`.
    V1_3,
}

/// Options of RabbitMQ's that change nothing here. Ciphers are rustls' own few, in its order;
/// renegotiation does not exist in it; sessions are resumed by tickets.
const IDLE_OPTIONS: [&str; 13] = [
    "backlog",
    "bypass_pem_cache",
    "client_renegotiation",
    "depth",
    "dhfile",
    "honor_cipher_order",
    "honor_ecc_order",
    "log_alert",
    "log_level",
    "password",
    "reuse_sessions",
    "secure_renegotiate",
    "hibernate_after",
];

/// Any other option: known and idle, or none.
pub(super) fn other(settings: &mut Settings, prefix: &str, option: &str) -> Result<(), String> {
    match IDLE_OPTIONS.contains(&option) {
        true => settings.idle_keys.push(format!("{prefix}.{option}")),
        false => {
            return Err("no such option; certfile, keyfile, cacertfile, verify, \
                        fail_if_no_peer_cert and versions.<n> are the ones that matter"
                .into());
        }
    }
    Ok(())
}

pub(super) fn verify(value: &str) -> Result<bool, String> {
    match value {
        "verify_peer" => Ok(true),
        "verify_none" => Ok(false),
        _ => Err(format!("found '{value}', wanted 'verify_peer' or 'verify_none'")),
    }
}

pub(super) fn version(value: &str) -> Result<TlsVersion, String> {
    match value {
        "tlsv1.2" => Ok(TlsVersion::V1_2),
        "tlsv1.3" => Ok(TlsVersion::V1_3),
        _ => Err(format!("found '{value}', wanted 'tlsv1.2' or 'tlsv1.3'")),
    }
}

/// Revocation lists are not read: who relies on them must not believe that they are.
pub(super) fn no_revocation(value: &str) -> Result<(), String> {
    match value {
        "false" => Ok(()),
        _ => Err(format!("found '{value}', wanted 'false': revocation is not checked here")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{apply_all, parse};
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let entries = parse("x.conf", text).unwrap();
        apply_all(&mut settings, &entries).map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn listeners_are_off_until_one_is_named() {
        let count = |text: &str| {
            let settings = settings(text).unwrap();
            [
                settings.amqp_tls_listeners.endpoints().len(),
                settings.stomp_tls_listeners.endpoints().len(),
                settings.web_stomp_tls_listeners.endpoints().len(),
            ]
        };
        assert_eq!(count(""), [0; 3]);
        assert_eq!(count("listeners.ssl.default = 5671"), [1, 0, 0]);
        assert_eq!(count("listeners.ssl.1 = 5671\nlisteners.ssl = none"), [0; 3]);
        assert_eq!(count("stomp.listeners.ssl.1 = 61614\nweb_stomp.ssl.port = 15673"), [0, 1, 1]);
        assert_eq!(count("web_stomp.ssl.listener = 127.0.0.1:15673"), [0, 0, 1]);
        assert_eq!(count("web_stomp.ssl.certfile = x.pem"), [0; 3]);
    }

    #[test]
    fn web_stomp_has_options_of_its_own() {
        let found = settings(
            "ssl_options.certfile = a.pem\nssl_options.versions.1 = tlsv1.3\n\
             web_stomp.ssl.certfile = b.pem\nweb_stomp.ssl.keyfile = c.pem\n",
        );
        let found = found.unwrap();
        assert_eq!(found.tls.certificate, Some("a.pem".into()));
        assert_eq!(found.tls.versions["1"], TlsVersion::V1_3);
        assert_eq!(found.web_stomp_tls.certificate, Some("b.pem".into()));
        assert_eq!(found.web_stomp_tls.key, Some("c.pem".into()));
        let unset = settings("ssl_options.certfile = a.pem\nssl_options = none").unwrap();
        assert_eq!(unset.tls, Tls::default());
    }

    #[test]
    fn what_cannot_be_had_is_refused_and_what_does_not_matter_is_said() {
        let refused = |text: &str| settings(text).unwrap_err();
        let old = refused("ssl_options.versions.1 = tlsv1.1");
        assert!(old.ends_with("found 'tlsv1.1', wanted 'tlsv1.2' or 'tlsv1.3'"), "{old}");
        assert!(
            refused("ssl_options.crl_check = peer").ends_with("revocation is not checked here")
        );
        assert!(refused("ssl_options.certfiel = x").contains("no such option"));
        let idle = settings("ssl_options.depth = 2\nweb_stomp.ssl.ciphers.1 = X").unwrap();
        assert_eq!(idle.idle_keys, ["ssl_options.depth", "web_stomp.ssl.ciphers.1"]);
    }
}
