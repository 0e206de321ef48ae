//! Password hashes in RabbitMQ's format.
//!
//! ```text
//! base64( salt[4] ‖ H( salt[4] ‖ password ) )
//! ```
//! Source: RabbitMQ, "Passwords".

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

/// Bytes of salt. Source: RabbitMQ, "Passwords".
const SALT_BYTES: usize = 4;

/// Which digest a hash was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// `rabbit_password_hashing_sha256`, what every new hash uses.
    #[default]
    Sha256,
    /// `rabbit_password_hashing_sha512`.
    Sha512,
    /// `rabbit_password_hashing_md5`; only ever imported.
    Md5,
}

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Md5];

    /// Reads RabbitMQ's name of an algorithm; `None` for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    /// RabbitMQ's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "rabbit_password_hashing_sha256",
            Self::Sha512 => "rabbit_password_hashing_sha512",
            Self::Md5 => "rabbit_password_hashing_md5",
        }
    }

    fn digest(self, salt: &[u8], password: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => {
                Sha256::new().chain_update(salt).chain_update(password).finalize().to_vec()
            }
            Self::Sha512 => {
                Sha512::new().chain_update(salt).chain_update(password).finalize().to_vec()
            }
            Self::Md5 => {
                md5::Md5::new().chain_update(salt).chain_update(password).finalize().to_vec()
            }
        }
    }

    fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Md5 => 16,
        }
    }
}

/// A salted hash of a password; shown only when asked for by [`Self::to_base64`].
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    algorithm: HashAlgorithm,
    salted: Box<[u8]>,
}

/// Why a text is no password hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It is not base64.
    #[error("password hash is not base64")]
    NotBase64,
    /// It has not the length that its algorithm makes.
    #[error("password hash has {found_bytes} bytes, wanted {wanted_bytes}")]
    WrongLength {
        /// Bytes found.
        found_bytes: usize,
        /// Bytes wanted.
        wanted_bytes: usize,
    },
}

impl PasswordHash {
    /// Hashes a password with a salt from the operating system; `None` if that has none to give.
    pub fn new(password: &[u8]) -> Option<Self> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).ok()?;
        Some(Self::with_salt(HashAlgorithm::default(), salt, password))
    }

    fn with_salt(algorithm: HashAlgorithm, salt: [u8; SALT_BYTES], password: &[u8]) -> Self {
        let mut salted = salt.to_vec();
        salted.extend(algorithm.digest(&salt, password));
        Self { algorithm, salted: salted.into() }
    }

    /// Reads a hash as RabbitMQ exports it.
    ///
    /// # Errors
    ///
    /// [`HashError`] if it is not base64 or has the wrong length.
    pub fn from_base64(algorithm: HashAlgorithm, text: &str) -> Result<Self, HashError> {
        let salted = STANDARD.decode(text.trim()).map_err(|_| HashError::NotBase64)?;
        let wanted_bytes = SALT_BYTES + algorithm.digest_bytes();
        match salted.len() {
            found if found == wanted_bytes => Ok(Self { algorithm, salted: salted.into() }),
            found_bytes => Err(HashError::WrongLength { found_bytes, wanted_bytes }),
        }
    }

    /// The hash as RabbitMQ exports it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.salted)
    }

    /// Which digest it was made with.
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Whether it was made of this password. An empty password is never right.
    ///
    /// Takes the same time wherever the first difference lies.
    pub(crate) fn is_made_of(&self, password: &[u8]) -> bool {
        let Some((salt, wanted)) = self.salted.split_at_checked(SALT_BYTES) else { return false };
        let found = self.algorithm.digest(salt, password);
        let difference = found.iter().zip(wanted).fold(0, |all, (a, b)| all | (a ^ b));
        found.len() == wanted.len() && std::hint::black_box(difference) == 0 && !password.is_empty()
    }

    /// A hash that no password makes, to spend the time of a comparison on an unknown user.
    pub(super) fn nobodys() -> Self {
        Self { algorithm: HashAlgorithm::Sha256, salted: [0; SALT_BYTES + 32].into() }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RabbitMQ's own vectors: the password `test12` with the salt 90 8D C6 0A.
    const VECTORS: [(HashAlgorithm, &str); 3] = [
        (HashAlgorithm::Sha256, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"),
        (
            HashAlgorithm::Sha512,
            "kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8OWMy7EB8TaOmAzjP2azv84GbINYwX2cD\
             Wb4DHnc=",
        ),
        (HashAlgorithm::Md5, "kI3GChNpte2FApYFXScl+0dIluk="),
    ];

    #[test]
    fn hashes_are_rabbitmqs() {
        for (algorithm, text) in VECTORS {
            let hash = PasswordHash::from_base64(algorithm, text).unwrap();
            assert!(hash.is_made_of(b"test12"), "{algorithm:?}");
            assert!(!hash.is_made_of(b"test13"), "{algorithm:?}");
            assert!(!hash.is_made_of(b""), "{algorithm:?}");
            let salt = [0x90, 0x8D, 0xC6, 0x0A];
            assert_eq!(PasswordHash::with_salt(algorithm, salt, b"test12").to_base64(), text);
        }
        let guest = "9/1i+jKFRpbTRV1PtRnzFFYibT3cEpP92JeZ8YKGtflf4e/u";
        let guest = PasswordHash::from_base64(HashAlgorithm::Sha256, guest).unwrap();
        assert!(guest.is_made_of(b"guest"));
    }

    #[test]
    fn two_hashes_of_one_password_differ_in_their_salt() {
        let (one, other) = (PasswordHash::new(b"x").unwrap(), PasswordHash::new(b"x").unwrap());
        assert_ne!(one, other);
        assert!(one.is_made_of(b"x") && other.is_made_of(b"x"));
    }

    #[test]
    fn what_is_no_hash_is_told_apart() {
        let read = |text| PasswordHash::from_base64(HashAlgorithm::Sha256, text);
        assert_eq!(read("not base64!"), Err(HashError::NotBase64));
        let too_short = HashError::WrongLength { found_bytes: 20, wanted_bytes: 36 };
        assert_eq!(read("kI3GChNpte2FApYFXScl+0dIluk="), Err(too_short));
    }

    #[test]
    fn the_empty_password_is_never_right() {
        assert!(!PasswordHash::new(b"").unwrap().is_made_of(b""));
    }
}
