//! The embedded core: access, routing, queues, streams.
