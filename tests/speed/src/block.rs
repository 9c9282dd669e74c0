//! The blocks of generated text in files of the repository.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the directory of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Replaces the text between the lines `<!-- name -->` and `<!-- /name -->` of a file of the
/// repository. If the file has no such lines, they are appended.
///
/// # Errors
///
/// Returns the error of reading or writing the file.
pub fn write_block(file: &str, name: &str, text: &str) -> io::Result<()> {
    let file = repository().join(file);
    let content = fs::read_to_string(&file)?;
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let parts = content.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before.to_owned(), after))
    });
    let (before, after) = parts.unwrap_or_else(|| (format!("{content}\n"), ""));
    fs::write(&file, format!("{before}{begin}{text}{end}{after}"))
}
