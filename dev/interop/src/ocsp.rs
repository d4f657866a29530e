//! An OCSP responder of one test: it says of each certificate what the test told it to say, under the signature that the test chose.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use rcgen::{CertificateParams, CustomExtension, KeyPair, SigningKey as _};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse,
    OcspResponseStatus, ResponderId, ResponseBytes, ResponseData, RevokedInfo, SingleResponse,
    Version,
};

use crate::server::PATIENCE;
use crate::tls::{Authority, Identity, Versions};

/// What an issuer says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Good,
    Revoked,
    Unknown,
}

/// An answer to come.
#[derive(Debug, Clone, Copy)]
pub struct Says {
    pub word: Word,
    /// Seconds from the moment of the answer.
    pub this_update: i64,
    /// The same; `None` leaves it out.
    pub next_update: Option<i64>,
}

impl Says {
    /// This word for an hour.
    pub fn word(word: Word) -> Self {
        Self {
            word,
            this_update: -5,
            next_update: Some(3600),
        }
    }
}

/// Who signs answers: a key, and the certificate that comes along unless the key is the issuer's.
pub struct Signer {
    key: KeyPair,
    certificate: Option<Vec<u8>>,
    name: x509_cert::name::Name,
}

impl Signer {
    /// The issuer itself.
    pub fn issuer(authority: &Authority) -> Self {
        let certificate = Certificate::from_der(&authority.der()).expect("our certificate");
        Self {
            key: authority.key(),
            certificate: None,
            name: certificate.tbs_certificate.subject,
        }
    }

    /// Somebody with a certificate.
    pub fn delegate(identity: &Identity) -> Self {
        let certificate = Certificate::from_der(&identity.certificate_der).expect("ours");
        Self {
            key: KeyPair::from_pem(&identity.key_pem).expect("our key"),
            certificate: Some(identity.certificate_der.clone()),
            name: certificate.tbs_certificate.subject,
        }
    }

    /// A signed answer to `request`, about the certificate that it names.
    ///
    /// # Panics
    /// When the request is none.
    pub fn answer(&self, request: &[u8], says: Says) -> Vec<u8> {
        let request = OcspRequest::from_der(request).expect("a request");
        let [question] = &request.tbs_request.request_list[..] else {
            panic!("one question at a time: {request:?}");
        };
        let about = SingleResponse {
            cert_id: question.req_cert.clone(),
            cert_status: match says.word {
                Word::Good => CertStatus::Good(Null),
                Word::Revoked => CertStatus::Revoked(RevokedInfo {
                    revocation_time: moment(-60),
                    revocation_reason: None,
                }),
                Word::Unknown => CertStatus::Unknown(Null),
            },
            this_update: moment(says.this_update),
            next_update: says.next_update.map(moment),
            single_extensions: None,
        };
        self.sign(ResponseData {
            version: Version::default(),
            responder_id: ResponderId::ByName(self.name.clone()),
            produced_at: moment(0),
            responses: vec![about],
            response_extensions: None,
        })
    }

    fn sign(&self, data: ResponseData) -> Vec<u8> {
        let to_sign = data.to_der().expect("DER");
        let signature = self.key.sign(&to_sign).expect("a signature");
        let certificates = self.certificate.as_ref().map(|der| {
            let certificate = Certificate::from_der(der).expect("our certificate");
            vec![certificate]
        });
        let basic = BasicOcspResponse {
            tbs_response_data: data,
            signature_algorithm: AlgorithmIdentifierOwned {
                // ecdsa-with-SHA256, that of rcgen's keys.
                oid: ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
                parameters: None,
            },
            signature: BitString::from_bytes(&signature).expect("bits"),
            certs: certificates,
        };
        let response = OcspResponse {
            response_status: OcspResponseStatus::Successful,
            response_bytes: Some(ResponseBytes {
                response_type: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1"),
                response: OctetString::new(basic.to_der().expect("DER")).expect("octets"),
            }),
        };
        response.to_der().expect("DER")
    }
}

fn moment(seconds_from_now: i64) -> OcspGeneralizedTime {
    let now = SystemTime::now();
    let apart = Duration::from_secs(seconds_from_now.unsigned_abs());
    let at = match seconds_from_now < 0 {
        true => now - apart,
        false => now + apart,
    };
    let since = at.duration_since(SystemTime::UNIX_EPOCH).expect("now");
    let whole = Duration::from_secs(since.as_secs());
    OcspGeneralizedTime(GeneralizedTime::from_unix_duration(whole).expect("a date"))
}

/// A responder on a port of its own.
pub struct Responder {
    addr: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    signer: Mutex<Signer>,
    /// By serial number; others are unknown.
    answers: Mutex<HashMap<Vec<u8>, Says>>,
    /// The last answer, and whether it is given from now on.
    last: Mutex<Vec<u8>>,
    repeats: AtomicBool,
    /// Methods of the requests so far.
    asked: Mutex<Vec<String>>,
    /// Methods that are answered with a 500.
    refused: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl Responder {
    /// Begins to answer.
    pub fn start(signer: Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            signer: Mutex::new(signer),
            answers: Mutex::default(),
            last: Mutex::default(),
            repeats: AtomicBool::new(false),
            asked: Mutex::default(),
            refused: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let of_thread = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of_thread.stop.load(Ordering::Relaxed) {
                    return;
                }
                // A client that went away in the middle is none of our business.
                let _ = of_thread.serve(&stream);
            }
        });
        Self {
            addr,
            state,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on says this of a certificate.
    pub fn say(&self, of: &Identity, says: Says) {
        let mut answers = self.state.answers.lock().expect("not poisoned");
        answers.insert(serial(&of.certificate_der), says);
    }

    /// From now on gives the last answer again, whatever is asked.
    pub fn repeat_the_last(&self) {
        self.state.repeats.store(true, Ordering::Relaxed);
    }

    /// From now on signs as this.
    pub fn sign_as(&self, signer: Signer) {
        *self.state.signer.lock().expect("not poisoned") = signer;
    }

    /// From now on answers these methods with an error.
    pub fn refuse(&self, methods: &[&str]) {
        let methods = methods.iter().map(|m| (*m).to_owned()).collect();
        *self.state.refused.lock().expect("not poisoned") = methods;
    }

    /// Methods of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().expect("not poisoned").clone()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.addr);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let path = words.next().unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        self.asked
            .lock()
            .expect("not poisoned")
            .push(method.clone());
        let (status, answer) = self.answer(&method, &path, body);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/ocsp-response\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            answer.len()
        );
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        stream.write_all(&answer)
    }

    fn answer(&self, method: &str, path: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
        let refused = self.refused.lock().expect("not poisoned");
        if refused.iter().any(|m| m == method) {
            return ("500 Internal Server Error", Vec::new());
        }
        let mut last = self.last.lock().expect("not poisoned");
        if self.repeats.load(Ordering::Relaxed) {
            return ("200 OK", last.clone());
        }
        let request = match method {
            "POST" => body,
            _ => {
                let text = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
                STANDARD
                    .decode(text.as_bytes())
                    .expect("base64 in the path")
            }
        };
        let question = OcspRequest::from_der(&request).expect("a request");
        let serial = question.tbs_request.request_list[0]
            .req_cert
            .serial_number
            .as_bytes();
        let known = self
            .answers
            .lock()
            .expect("not poisoned")
            .get(serial)
            .copied();
        let says = known.unwrap_or(Says::word(Word::Unknown));
        let signer = self.signer.lock().expect("not poisoned");
        *last = signer.answer(&request, says);
        ("200 OK", last.clone())
    }
}

/// The serial number of a certificate.
fn serial(certificate: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(certificate).expect("our certificate");
    let serial = certificate.tbs_certificate.serial_number;
    serial.as_bytes().to_vec()
}

/// Puts a responder into a certificate to be.
pub fn name_responder(params: &mut CertificateParams, url: &str) {
    use x509_cert::ext::pkix::name::GeneralName;
    use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax};
    let access = AuthorityInfoAccessSyntax(vec![AccessDescription {
        access_method: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1"),
        access_location: GeneralName::UniformResourceIdentifier(
            x509_cert::der::asn1::Ia5String::new(url).expect("ASCII"),
        ),
    }]);
    let content = access.to_der().expect("DER");
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content);
    params.custom_extensions.push(extension);
}

/// Makes a certificate to be ask its clients to insist on a staple.
pub fn insist_on_staple(params: &mut CertificateParams) {
    // A sequence with the one feature `status_request`.
    let feature = vec![0x30, 3, 2, 1, 5];
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], feature);
    params.custom_extensions.push(extension);
}

/// What a TLS client was shown with the server's certificate. It accepts what the authority issued, as any client.
#[derive(Debug)]
pub struct Watcher {
    inner: Arc<WebPkiServerVerifier>,
    staple: Mutex<Vec<u8>>,
}

impl Watcher {
    /// A watcher and a client that it watches.
    pub fn new(authority: &Authority) -> (Arc<Self>, Arc<ClientConfig>) {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.der()))
            .expect("our own certificate is valid");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let watcher = Arc::new(Self {
            inner: inner.build().expect("there is a root"),
            staple: Mutex::default(),
        });
        let config = authority.client_config(None, Versions::All);
        let mut config = ClientConfig::clone(&config);
        // Each handshake is a full one, with the certificate in it.
        config.resumption = rustls::client::Resumption::disabled();
        config.dangerous().set_certificate_verifier(watcher.clone());
        (watcher, Arc::new(config))
    }

    /// What the last handshake brought; empty when nothing was stapled.
    pub fn staple(&self) -> Vec<u8> {
        self.staple.lock().expect("not poisoned").clone()
    }

    /// The word in the last staple, without a look at its signature.
    pub fn word(&self) -> Option<Word> {
        let staple = self.staple();
        let response = OcspResponse::from_der(&staple).ok()?.response_bytes?;
        let basic = BasicOcspResponse::from_der(response.response.as_bytes()).ok()?;
        let said = &basic.tbs_response_data.responses.first()?.cert_status;
        Some(match said {
            CertStatus::Good(_) => Word::Good,
            CertStatus::Revoked(_) => Word::Revoked,
            CertStatus::Unknown(_) => Word::Unknown,
        })
    }
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.staple.lock().expect("not poisoned") = ocsp_response.to_vec();
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
