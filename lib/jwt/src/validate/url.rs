use super::{Findings, INFO_LEN_MAX};

/// As much of a URL as is asked about.
struct Url<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    path: &'a str,
}

/// Takes a URL apart. Knows what is certainly none; does not know everything that is.
fn parse(text: &str) -> Result<Url<'_>, String> {
    if text.chars().any(|c| c.is_ascii_control()) {
        return Err("invalid control character in URL".into());
    }
    let (scheme, rest) = split_scheme(text)?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let Some(rest) = rest.strip_prefix("//") else {
        return Ok(Url {
            scheme,
            user: None,
            host: "",
            path: rest,
        });
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if host.contains(' ') {
        return Err("invalid character \" \" in host name".into());
    }
    let port = match host.rfind(']') {
        Some(at) => host.get(at.saturating_add(1)..).unwrap_or_default(),
        None => host
            .find(':')
            .and_then(|at| host.get(at..))
            .unwrap_or_default(),
    };
    if !port.is_empty()
        && !port
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(format!("invalid port {port:?} after host"));
    }
    let name = host.strip_suffix(port).unwrap_or(host);
    Ok(Url {
        scheme,
        user,
        host: name,
        path,
    })
}

fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    match text.find(|c: char| !is_scheme(c)) {
        Some(0) if text.starts_with(':') => Err("missing protocol scheme".into()),
        Some(at) if text.get(at..).is_some_and(|rest| rest.starts_with(':')) => {
            let (scheme, rest) = text.split_at(at);
            if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return Err("first path segment in URL cannot contain colon".into());
            }
            Ok((scheme, rest.get(1..).unwrap_or_default()))
        }
        _ => Ok(("", text)),
    }
}

/// Whether `url` is fit for an operator's account server; an empty one is.
///
/// # Errors
/// Why not.
pub fn account_server_url(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Ok(());
    }
    let parsed = parse(url).map_err(|e| format!("error parsing account server url: {e}"))?;
    if parsed.scheme.is_empty() {
        return Err(format!("account server url {url:?} requires a protocol"));
    }
    Ok(())
}

/// Whether `url` is one at which tools can connect: `nats`, `tls`, `ws` or `wss`, without credentials and path; an empty one is.
///
/// # Errors
/// Why not.
pub fn operator_service_url(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Ok(());
    }
    let parsed =
        parse(url).map_err(|e| format!("error parsing operator service url {url:?}: {e}"))?;
    if parsed.user.is_some() {
        return Err(format!(
            "operator service url {url:?} - credentials are not supported"
        ));
    }
    if !parsed.path.is_empty() {
        return Err(format!(
            "operator service url {url:?} - paths are not supported"
        ));
    }
    let known = ["nats", "tls", "ws", "wss"];
    if !known
        .iter()
        .any(|known| parsed.scheme.eq_ignore_ascii_case(known))
    {
        return Err(format!(
            "operator service url {url:?} - protocol not supported (only 'nats', 'tls', 'ws', 'wss' only)"
        ));
    }
    Ok(())
}

/// Reads `major.minor.update`; an empty text is 0.0.0.
///
/// # Errors
/// What is wrong with it.
pub fn parse_server_version(version: &str) -> Result<(u32, u32, u32), String> {
    if version.is_empty() {
        return Ok((0, 0, 0));
    }
    let parts: Vec<_> = version.split('.').collect();
    let [major, minor, update] = parts.as_slice() else {
        return Err("asserted server version must be of the form <major>.<minor>.<update>".into());
    };
    let number = |part: &str| {
        part.parse::<i64>()
            .map_err(|_| format!("asserted server version cant parse {part} to int"))
    };
    let numbers = (number(major)?, number(minor)?, number(update)?);
    let small = |number: i64| u32::try_from(number);
    match (small(numbers.0), small(numbers.1), small(numbers.2)) {
        (Ok(major), Ok(minor), Ok(update)) => Ok((major, minor, update)),
        _ => Err(format!(
            "asserted server version can'b contain negative values: {version}"
        )),
    }
}

/// The findings about a description and where to read more.
pub(super) fn check_info(description: &str, info_url: &str, findings: &mut Findings) {
    if description.len() > INFO_LEN_MAX {
        findings.error("Description is too long");
    }
    if info_url.len() > INFO_LEN_MAX {
        findings.error("Info URL is too long");
    }
    if let Err(reason) = self::info_url(info_url) {
        findings.error(reason);
    }
}

/// Whether `url` says where to read more: it has a scheme and a host; an empty one is fit.
///
/// # Errors
/// Why not.
pub fn info_url(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Ok(());
    }
    match parse(url) {
        Ok(url) if url.host.is_empty() || url.scheme.is_empty() => {
            Err("error parsing info url: no hostname or scheme".to_owned())
        }
        Ok(_) => Ok(()),
        Err(reason) => Err(format!("error parsing info url: {reason}")),
    }
}
