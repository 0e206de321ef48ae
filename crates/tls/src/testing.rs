//! What tests of this room share: certificates of their own, and a socket that chops.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// An authority, and what it issues.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Hopwire test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// It alone is believed.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap()).unwrap();
        roots
    }

    /// A certificate for `localhost`, and its key, as rustls takes them.
    pub(crate) fn issue_der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let (certificate, key) = self.issue();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        (chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
    }

    /// A certificate for `localhost`, and its key, as PEM.
    pub(crate) fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A folder of this test, gone with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hopwire-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A socket that takes and gives as little as it likes, and makes wait.
#[derive(Debug)]
pub(crate) struct Chopped {
    inner: DuplexStream,
    seed: u64,
    pub(crate) bytes_max: usize,
    /// All that was written.
    pub(crate) written: Arc<Mutex<Vec<u8>>>,
}

impl Chopped {
    /// `bytes_max` is the most moved at once.
    pub(crate) fn new(inner: DuplexStream, seed: u64, bytes_max: usize) -> Self {
        Self { inner, seed, bytes_max, written: Arc::default() }
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) as usize % below
    }

    fn makes_wait(&mut self, context: &mut Context<'_>) -> bool {
        let waits = self.random(4) == 0;
        if waits {
            context.waker().wake_by_ref();
        }
        waits
    }
}

impl AsyncRead for Chopped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.makes_wait(context) {
            return Poll::Pending;
        }
        let bytes_max = self.bytes_max;
        let bytes = (self.random(bytes_max) + 1).min(buffer.remaining());
        let mut part = vec![0; bytes];
        let mut part = ReadBuf::new(&mut part);
        let read = Pin::new(&mut self.inner).poll_read(context, &mut part);
        buffer.put_slice(part.filled());
        read
    }
}

impl AsyncWrite for Chopped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.makes_wait(context) {
            return Poll::Pending;
        }
        let bytes_max = self.bytes_max;
        let wanted = (self.random(bytes_max) + 1).min(bytes.len());
        let written = Pin::new(&mut self.inner).poll_write(context, &bytes[..wanted]);
        if let Poll::Ready(Ok(taken)) = written {
            self.written.lock().unwrap().extend_from_slice(&bytes[..taken]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
