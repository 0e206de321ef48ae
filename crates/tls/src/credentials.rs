//! Certificates and keys in PEM files, and what to say about those that cannot be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The certificate shown to peers, and its chain.
    Certificate,
    /// Its private key.
    Key,
    /// Whom to believe.
    Authorities,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .file.display())]
pub struct FileError {
    /// What it is for.
    pub role: Role,
    /// Its path.
    pub file: PathBuf,
    /// What was found, and what was wanted.
    pub reason: String,
}

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct Credentials(pub(crate) Arc<CertifiedKey>);

impl Credentials {
    /// Reads PEM files. `certificates` begins with the one to be shown; its chain follows.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or has no certificate or key, or its key is encrypted or of another
    /// certificate.
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, FileError> {
        let chain = read_certificates(Role::Certificate, certificates)?;
        let failed = |reason| FileError { role: Role::Key, file: key.to_owned(), reason };
        let private = read_key(key).map_err(failed)?;
        let provider = aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, private, &provider);
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => failed(format!(
                "this key is not the one of the certificate in {}",
                certificates.display()
            )),
            rustls::Error::InvalidCertificate(error) => FileError {
                role: Role::Certificate,
                file: certificates.to_owned(),
                reason: format!("not a usable certificate: {error}"),
            },
            other => failed(format!("not a usable private key: {other}")),
        })?;
        Ok(Self(Arc::new(certified)))
    }
}

/// Reads the certificates of whom to believe.
///
/// # Errors
///
/// The file cannot be read, or one of its certificates cannot be used, or it has none.
pub fn read_authorities(file: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(Role::Authorities, file)? {
        roots.add(certificate).map_err(|error| FileError {
            role: Role::Authorities,
            file: file.to_owned(),
            reason: format!("not a usable certificate: {error}"),
        })?;
    }
    Ok(roots)
}

fn read_certificates(role: Role, file: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let failed = |reason: String| FileError { role, file: file.to_owned(), reason };
    let text = std::fs::read(file).map_err(|error| failed(unreadable(&error)))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| failed(format!("not PEM: {error}")))?;
    match certificates.is_empty() {
        true => Err(failed("found no certificate, wanted '-----BEGIN CERTIFICATE-----'".into())),
        false => Ok(certificates),
    }
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = std::fs::read(file).map_err(|error| unreadable(&error))?;
    // `-----BEGIN ENCRYPTED PRIVATE KEY-----`, or the older `Proc-Type: 4,ENCRYPTED`.
    if String::from_utf8_lossy(&text).contains("ENCRYPTED") {
        let shown = file.display();
        return Err(format!(
            "the key is encrypted, and is not read with a password; decrypt it: \
             openssl pkey -in {shown} -out <file that only the broker may read>"
        ));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            "found no private key, wanted '-----BEGIN PRIVATE KEY-----'".to_owned()
        }
        error => format!("not PEM: {error}"),
    })
}

fn unreadable(error: &std::io::Error) -> String {
    format!("cannot be read: {error}")
}

#[cfg(test)]
mod tests;
