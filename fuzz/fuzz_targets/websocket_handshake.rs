//! Feeds any bytes to both ends of the upgrade.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::websocket::handshake::{Key, Offer, Request, Upgrade};
use wire::websocket::{Compression, Subprotocol};

fuzz_target!(|input: &[u8]| {
    let offer = Offer {
        host: "localhost",
        target: "/ws",
        key: Key::from_nonce([0; 16]),
        subprotocols: &Subprotocol::ALL,
        compression: Compression::Deflate,
        origin: None,
        authorization: None,
    };
    let _ = offer.parse_answer(input);

    if let Ok(Some((request, taken))) = Request::parse(input) {
        assert!(taken <= input.len());
        if let Ok(key) = request.key() {
            let upgrade = Upgrade::accept(&request, &key, Compression::Deflate);
            assert!(upgrade.response.ends_with(b"\r\n\r\n"));
        }
    }
});
