//! The two JSON documents of the handshake: INFO (server to client) and CONNECT (client to server).
//!
//! Source: reference server behaviour, inventory sections 1.2 and 1.3.

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

fn is_false(b: &bool) -> bool {
    !*b
}

fn is_zero<T: Default + PartialEq>(v: &T) -> bool {
    *v == T::default()
}

/// What a server announces about itself, first on every connection and again when something changed.
///
/// Field order is the order on the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    pub server_id: String,
    pub server_name: String,
    pub version: String,
    pub proto: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    pub go: String,
    pub host: String,
    pub port: u16,
    pub headers: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_available: bool,
    /// Largest payload accepted, in bytes.
    pub max_payload: i64,
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub client_id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    #[serde(skip_serializing_if = "is_false")]
    pub cluster_dynamic: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ws_connect_urls: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub ldm: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_account: String,
    #[serde(skip_serializing_if = "is_false")]
    pub acc_is_sys: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub api_lvl: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

/// What a client says about itself. Absent `verbose`, `pedantic` and `echo` mean true.
///
/// Read as the reference reads it: names of fields in any case, the last of several counts, `null` leaves a field (or the whole
/// document) at its default, unknown fields are passed over. Clients rely on it: async-nats sends `null` for what it does not have.
/// A second CONNECT changes what it names and nothing else: [`ConnectOptions::update`].
#[derive(Clone, PartialEq, Serialize)]
pub struct ConnectOptions {
    pub echo: bool,
    pub verbose: bool,
    pub pedantic: bool,
    pub tls_required: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nkey: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pass: String,
    pub name: String,
    pub lang: String,
    pub version: String,
    pub protocol: i32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    #[serde(skip_serializing_if = "is_false")]
    pub new_account: bool,
    pub headers: bool,
    pub no_responders: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy_sig: String,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            echo: true,
            verbose: true,
            pedantic: true,
            tls_required: false,
            nkey: String::new(),
            jwt: String::new(),
            sig: String::new(),
            auth_token: String::new(),
            user: String::new(),
            pass: String::new(),
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            protocol: 0,
            account: String::new(),
            new_account: false,
            headers: false,
            no_responders: false,
            proxy_sig: String::new(),
        }
    }
}

/// Credentials never reach a log through `Debug`.
impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("protocol", &self.protocol)
            .field("verbose", &self.verbose)
            .field("pedantic", &self.pedantic)
            .field("echo", &self.echo)
            .field("headers", &self.headers)
            .field("no_responders", &self.no_responders)
            .finish_non_exhaustive()
    }
}

impl ConnectOptions {
    /// Takes over the fields that another CONNECT names; the others stay.
    ///
    /// # Errors
    /// When the document is no object or a field has a wrong type. The fields before that one are taken over.
    pub fn update<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Lenient(self))
    }
}

impl<'de> Deserialize<'de> for ConnectOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut options = Self::default();
        options.update(deserializer)?;
        Ok(options)
    }
}

struct Lenient<'a>(&'a mut ConnectOptions);

impl<'de> Visitor<'de> for Lenient<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the JSON object of CONNECT")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(mut name) = map.next_key::<String>()? {
            name.make_ascii_lowercase();
            read_field(self.0, &name, &mut map)?;
        }
        Ok(())
    }
}

fn read_field<'de, A: MapAccess<'de>>(
    o: &mut ConnectOptions,
    name: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    match name {
        "echo" => set(&mut o.echo, map),
        "verbose" => set(&mut o.verbose, map),
        "pedantic" => set(&mut o.pedantic, map),
        "tls_required" => set(&mut o.tls_required, map),
        "nkey" => set(&mut o.nkey, map),
        "jwt" => set(&mut o.jwt, map),
        "sig" => set(&mut o.sig, map),
        "auth_token" => set(&mut o.auth_token, map),
        "user" => set(&mut o.user, map),
        "pass" => set(&mut o.pass, map),
        "name" => set(&mut o.name, map),
        "lang" => set(&mut o.lang, map),
        "version" => set(&mut o.version, map),
        "protocol" => set(&mut o.protocol, map),
        "account" => set(&mut o.account, map),
        "new_account" => set(&mut o.new_account, map),
        "headers" => set(&mut o.headers, map),
        "no_responders" => set(&mut o.no_responders, map),
        "proxy_sig" => set(&mut o.proxy_sig, map),
        _ => map.next_value::<IgnoredAny>().map(|_| ()),
    }
}

fn set<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    field: &mut T,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<T>>()? {
        *field = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ConnectOptions, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn nulls_and_odd_spellings_and_repetitions_are_read_as_the_reference_reads_them() {
        let changed = |change: fn(&mut ConnectOptions)| {
            let mut options = ConnectOptions::default();
            change(&mut options);
            options
        };
        let cases = [
            ("null", ConnectOptions::default()),
            ("{}", ConnectOptions::default()),
            (r#"{"jwt":null,"verbose":null}"#, ConnectOptions::default()),
            (r#"{"VERBOSE":false}"#, changed(|o| o.verbose = false)),
            (
                r#"{"verbose":true,"verbose":false}"#,
                changed(|o| o.verbose = false),
            ),
            (
                r#"{"name":"a","x":{"y":[1,null]}}"#,
                changed(|o| o.name = "a".to_owned()),
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(read(json).ok(), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_or_has_a_wrong_type_is_refused() {
        for json in [
            "[]",
            "1",
            "\"a\"",
            "true",
            r#"{"user":1}"#,
            r#"{"verbose":"no"}"#,
            r#"{"protocol":1.5}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn another_connect_changes_what_it_names() {
        let mut options =
            read(r#"{"verbose":false,"user":"a","pass":"b","name":"first"}"#).expect("JSON");
        let again = r#"{"Name":"second","pass":null,"echo":false}"#;
        let mut json = serde_json::Deserializer::from_str(again);
        options.update(&mut json).expect("JSON");
        let expected = ConnectOptions {
            verbose: false,
            echo: false,
            user: "a".to_owned(),
            pass: "b".to_owned(),
            name: "second".to_owned(),
            ..ConnectOptions::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let options = ConnectOptions {
            verbose: false,
            user: "a".to_owned(),
            protocol: 1,
            ..ConnectOptions::default()
        };
        let json = serde_json::to_string(&options).expect("JSON");
        assert_eq!(read(&json).ok(), Some(options));
    }
}
