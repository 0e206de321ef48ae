//! The node.
mod config;
fn main() {
    let _ = (
        config::read_file,
        config::parse,
        config::from_environment,
        config::apply_all,
    );
    let s = config::Settings::default();
    s.amqp_listeners.endpoints();
}
