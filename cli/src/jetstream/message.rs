//! Messages of streams, as they are shown.

use std::io::Write;

use nats_client::HeaderMap;

use crate::error::Result;
use crate::messaging::Translation;

/// Writes headers, a line each and indented.
pub fn write_headers(out: &mut impl Write, headers: &HeaderMap) -> Result {
    for (name, value) in headers.iter() {
        // Form feeds separate the parts of a source header; a terminal would obey them.
        writeln!(out, "  {name}: {}", value.replace('\u{c}', "\u{240a}"))?;
    }
    Ok(())
}

/// Writes a body, translated when the user wants it, with an empty line after it.
pub async fn write_body(
    out: &mut impl Write,
    body: &[u8],
    translation: Option<&Translation>,
    subject: &str,
    stream: &str,
) -> Result {
    let translated;
    let body = match translation {
        Some(translation) => {
            translated = translation.apply_to_stored(body, subject, stream).await?;
            &translated
        }
        None if body.is_empty() => b"nil body".as_slice(),
        None => body,
    };
    out.write_all(body)?;
    if !body.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    writeln!(out)?;
    Ok(())
}
