//! Account servers: `GET` and `POST <base>/accounts/<key>`, `GET <base>/operator`; and files that users name by URL.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::limits::{HTTP_BYTES_MAX, HTTP_SECONDS_MAX};

/// What an account server said.
#[derive(Debug, Clone)]
pub struct Answer {
    pub code: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The server's words.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(HTTP_SECONDS_MAX))
        .build()
        .map_err(|e| Error::remote(format!("no HTTP client: {e}")))
}

async fn answer(
    url: &str,
    sent: std::result::Result<reqwest::Response, reqwest::Error>,
) -> Result<Answer> {
    let failed = |e: reqwest::Error| {
        Error::remote(format!("{url}: {}", e.without_url())).hint("check the URL and the network")
    };
    let mut response = sent.map_err(failed)?;
    let code = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > HTTP_BYTES_MAX {
            return Err(Error::remote(format!(
                "{url}: the answer is larger than {HTTP_BYTES_MAX} bytes"
            )));
        }
    }
    Ok(Answer { code, body })
}

/// Whatever the server says.
///
/// # Errors
/// When it says nothing.
pub async fn get(url: &str) -> Result<Answer> {
    answer(url, client()?.get(url).send().await).await
}

/// The content of a file.
///
/// # Errors
/// When it is not to be had.
pub async fn fetch(url: &str) -> Result<Vec<u8>> {
    let answer = get(url).await?;
    if answer.code != 200 {
        return Err(Error::remote(format!(
            "error loading {url}: the server says {}",
            answer.code
        )));
    }
    Ok(answer.body)
}

/// Hands over a token.
///
/// # Errors
/// When the server says nothing.
pub async fn post(url: &str, token: &str) -> Result<Answer> {
    let request = client()?
        .post(url)
        .header("Content-Type", "application/jwt")
        .body(token.to_owned());
    answer(url, request.send().await).await
}

/// The address of something below an account server's base.
///
/// # Errors
/// When the base is no URL.
pub fn below(base: &str, parts: &[&str]) -> Result<String> {
    let mut url = url::Url::parse(base).map_err(|e| Error::refused(format!("{base:?}: {e}")))?;
    match url.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(parts);
        }
        Err(()) => return Err(Error::refused(format!("{base:?} cannot have a path"))),
    }
    Ok(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn parts_are_added_to_the_path() {
        for (base, url) in [
            ("http://h/jwt/v1", "http://h/jwt/v1/accounts/A"),
            ("http://h/jwt/v1/", "http://h/jwt/v1/accounts/A"),
            ("http://h", "http://h/accounts/A"),
            ("http://h?x=1", "http://h/accounts/A?x=1"),
        ] {
            assert_eq!(below(base, &["accounts", "A"]).expect("a URL"), url);
        }
        assert!(below("h", &["a"]).is_err());
    }
}
