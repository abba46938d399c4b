//! Writes the files that are generated from the schemas.

use std::fs;
use std::io;

fn main() -> io::Result<()> {
    schema::files().into_iter().try_for_each(|(path, text)| fs::write(path, text))
}
