//! Where the RabbitMQ is that stories are told to as well, if there is one.

use std::env;

/// The addresses of a broker, as the stories read them.
pub(crate) struct Addresses {
    /// `amqp://user:password@host:port`.
    pub(crate) amqp_url: String,
    /// `host:port`.
    pub(crate) stomp_address: String,
    /// `ws://host:port/ws`.
    pub(crate) ws_url: String,
    /// `http://host:port`.
    pub(crate) http_url: String,
    /// `hopwire` or `rabbitmq`, for differences by intent.
    pub(crate) broker: &'static str,
}

impl Addresses {
    /// The RabbitMQ that the environment names. All four names are set, or none.
    pub(crate) fn of_oracle() -> Option<Self> {
        let amqp_url = env::var("ORACLE_AMQP_URL").ok()?;
        let named = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        Some(Self {
            amqp_url,
            stomp_address: named("ORACLE_STOMP_ADDRESS"),
            ws_url: named("ORACLE_WS_URL"),
            http_url: named("ORACLE_HTTP_URL"),
            broker: "rabbitmq",
        })
    }

    /// A broker that a test started.
    pub(crate) fn of(broker: &crate::broker::Broker) -> Self {
        Self {
            amqp_url: format!("amqp://guest:guest@{}", broker.amqp()),
            stomp_address: broker.stomp().to_string(),
            ws_url: format!("ws://{}/ws", broker.web_stomp()),
            http_url: format!("http://{}", broker.management()),
            broker: "hopwire",
        }
    }
}
