//! The boundary: Command in, Event out.
