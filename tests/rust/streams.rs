//! Stream queues and the end of their node.

use std::fs;

use crate::broker::{Broker, folder};
use crate::oracle::Addresses;
use crate::story::tell;

#[test]
fn a_stream_survives_a_kill_whole_and_in_order() {
    let data = folder();
    let environment = [("HOPWIRE_DATA_DIR", data.to_str().unwrap())];
    for chapter in ["fill", "read"] {
        // Dropped, it is killed.
        let broker = Broker::with_environment("", &environment);
        let story = format!("python/streams_kept.py {chapter}");
        tell(&story, &Addresses::of(&broker), &[]);
    }
    fs::remove_dir_all(data).unwrap();
}
