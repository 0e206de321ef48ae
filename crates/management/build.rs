//! Rebuilds this crate when the web pages were built anew: they are part of it.

fn main() -> std::io::Result<()> {
    let pages = std::path::Path::new("../../ui/dist");
    // A path that is not there would count as changed at every build.
    std::fs::create_dir_all(pages)?;
    println!("cargo:rerun-if-changed={}", pages.display());
    Ok(())
}
