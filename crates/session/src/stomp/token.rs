//! Unpredictable names.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::Complaint;

/// 16 random bytes.
pub(super) fn random() -> Result<[u8; 16], Complaint> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system has no random bytes");
        Complaint::processing()
    })?;
    Ok(bytes)
}

/// 16 bytes as 22 characters that are safe in names and URLs.
pub(super) fn name(bytes: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
