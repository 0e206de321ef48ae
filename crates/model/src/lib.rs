//! Names, messages and refusals that every room speaks of.
