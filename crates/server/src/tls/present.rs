//! From configuration to connections over TLS. Each failure names the key to look at.

use std::io;
use std::path::Path;

use ::tls::{
    ClientCertificates, Credentials, FileError, Role, ServerSettings, ServerStream, Version,
    read_authorities,
};
use tokio::net::TcpStream;

use super::Wanted;
use crate::config::{ConvertError, TlsVersion};

/// A connection behind its handshake.
pub(crate) type Stream = ServerStream<TcpStream>;

/// Accepts connections of one set of listeners.
#[derive(Clone, Debug)]
pub(crate) struct Acceptor(::tls::Acceptor);

impl Acceptor {
    /// Reads the files, and checks that they belong together.
    ///
    /// # Errors
    ///
    /// A file is not named, cannot be read or does not fit; or the options contradict each other.
    pub(crate) fn new(wanted: Wanted<'_>) -> Result<Self, ConvertError> {
        let options = wanted.options;
        let certificate = wanted.path("certfile", options.certificate.as_deref())?;
        let key = wanted.path("keyfile", options.key.as_deref())?;
        let credentials =
            Credentials::read(certificate, key).map_err(|error| wanted.failed_file(error))?;
        let versions: Vec<_> = match options.versions.is_empty() {
            true => Version::ALL.into(),
            false => options.versions.values().map(|version| spoken(*version)).collect(),
        };
        let settings = ServerSettings {
            credentials,
            clients: wanted.clients()?,
            versions,
            handshake_timeout: wanted.handshake_timeout,
        };
        let acceptor = ::tls::Acceptor::new(settings);
        acceptor.map(Self).map_err(|reason| ConvertError::new(wanted.listener_key, reason))
    }

    /// Shakes hands with a client. To be boxed.
    ///
    /// # Errors
    ///
    /// As of [`tls::Acceptor::accept`].
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        self.0.accept(stream).await
    }
}

impl<'a> Wanted<'a> {
    fn failed(&self, option: &str, reason: &str) -> ConvertError {
        ConvertError::new(format!("{}.{option}", self.prefix), reason)
    }

    fn failed_file(&self, error: FileError) -> ConvertError {
        let option = match error.role {
            Role::Certificate => "certfile",
            Role::Key => "keyfile",
            Role::Authorities => "cacertfile",
        };
        self.failed(option, &error.to_string())
    }

    fn path(&self, option: &str, path: Option<&'a Path>) -> Result<&'a Path, ConvertError> {
        let reason = format!("wanted: {} needs a certificate and its key", self.listener_key);
        path.ok_or_else(|| self.failed(option, &reason))
    }

    fn clients(&self) -> Result<ClientCertificates, ConvertError> {
        let options = self.options;
        if !options.is_verifying && options.is_certificate_required {
            let reason = "found 'true', which needs verify = verify_peer";
            return Err(self.failed("fail_if_no_peer_cert", reason));
        }
        if !options.is_verifying {
            return Ok(ClientCertificates::Unasked);
        }
        let reason = "wanted: verify_peer needs the authorities to believe";
        let path = options.authorities.as_deref();
        let path = path.ok_or_else(|| self.failed("cacertfile", reason))?;
        let roots = read_authorities(path).map_err(|error| self.failed_file(error))?;
        Ok(match options.is_certificate_required {
            true => ClientCertificates::Required(roots),
            false => ClientCertificates::Optional(roots),
        })
    }
}

fn spoken(version: TlsVersion) -> Version {
    match version {
        TlsVersion::V1_2 => Version::V1_2,
        TlsVersion::V1_3 => Version::V1_3,
    }
}
