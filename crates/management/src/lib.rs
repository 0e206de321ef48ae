//! HTTP API, health checks and web pages.
