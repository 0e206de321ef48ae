//! Feeds any response to both SASL mechanisms.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::amqp::sasl::Mechanism;

fuzz_target!(|response: &[u8]| {
    for mechanism in [Mechanism::Plain, Mechanism::AmqPlain] {
        let Some(credentials) = mechanism.read(response) else { continue };
        let written = mechanism.write(&credentials);
        assert_eq!(mechanism.read(&written).as_ref(), Some(&credentials));
        if mechanism == Mechanism::Plain {
            assert_eq!(written, response);
        }
    }
});
