//! Who may connect: SCRAM-SHA-256 (RFC 5802, RFC 7677) over verifiers as PostgreSQL stores them. The exchange itself is pgwire's.
//! A user that does not exist goes through an exchange that cannot succeed, so that an attacker does not learn who exists.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use pgwire::api::auth::sasl::scram::{SCRAM_ITERATIONS, ScramSecret, ScramServerAuth, gen_salted_password};
use pgwire::error::PgWireError;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::Authentication as AuthenticationMessage;

use super::failure::{Attempt, Failure, code, protocol_violation};
use super::frontend::Body;
use super::interrupt::Interrupt;
use super::sessions::random_bytes;
use super::socket::Socket;
use crate::error::{Error, Result};

const MECHANISM: &str = "SCRAM-SHA-256";
/// What everybody on the machine may do with a file.
const EVERYBODY_READS: u32 = 0o004;
const EVERYBODY_WRITES: u32 = 0o002;
/// Bytes of a salt, as PostgreSQL's SCRAM_DEFAULT_SALT_LEN.
const SALT_BYTES: usize = 16;
/// Bytes of a SHA-256 hash.
const HASH_BYTES: usize = 32;

/// The passwords of a server's users, as SCRAM verifiers: the passwords themselves are not kept.
pub struct Passwords {
    by_user: HashMap<String, Verifier>,
    /// Makes the salts of users that do not exist: the same at each attempt, unpredictable from outside.
    mock_key: Vec<u8>,
}

#[derive(Clone)]
struct Verifier {
    iterations: usize,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Passwords {
    /// Reads a password file; see [`Passwords::parse`].
    /// F0000 also for a file without users, and for one that everybody on the machine may change.
    pub fn load(path: &Path) -> Result<Passwords> {
        let wrong = |what: String| Error::new(code::CONFIG_FILE_ERROR, what);
        let unreadable = |error: std::io::Error| {
            wrong(format!("cannot read password file \"{}\"", path.display())).detail(error.to_string())
        };
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
        if mode & EVERYBODY_WRITES != 0 {
            let message = format!("password file \"{}\" can be changed by everybody", path.display());
            return Err(wrong(message).hint(format!("chmod o-rwx {}", path.display())));
        }
        if mode & EVERYBODY_READS != 0 {
            tracing::warn!("password file \"{}\" can be read by everybody: chmod o-rwx", path.display());
        }
        let passwords = Passwords::parse(&std::fs::read_to_string(path).map_err(unreadable)?)?;
        if passwords.by_user.is_empty() {
            let message = format!("password file \"{}\" names no user: nobody could log in", path.display());
            return Err(wrong(message)
                .hint("a line is user:password or user:SCRAM-SHA-256$iterations:salt$stored key:server key"));
        }
        Ok(passwords)
    }

    /// Reads lines `user:password` or `user:SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>` (as `pg_authid` holds
    /// them). Empty lines and lines that start with `#` are skipped. F0000 names the line that is wrong.
    pub fn parse(text: &str) -> Result<Passwords> {
        let mut by_user = HashMap::new();
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| {
                Error::new(code::CONFIG_FILE_ERROR, format!("password file, line {number}: {what}"))
                    .hint("a line is user:password or user:SCRAM-SHA-256$iterations:salt$stored key:server key")
            };
            let (user, secret) = line.split_once(':').ok_or_else(|| wrong("no colon"))?;
            if user.is_empty() || secret.is_empty() {
                return Err(wrong("empty user or password"));
            }
            let verifier = match secret.strip_prefix("SCRAM-SHA-256$") {
                Some(fields) => Verifier::parse(fields).ok_or_else(|| wrong("not a SCRAM-SHA-256 verifier"))?,
                None => Verifier::of_password(secret),
            };
            if by_user.insert(user.to_string(), verifier).is_some() {
                return Err(wrong(&format!("user \"{user}\" appears twice")));
            }
        }
        Ok(Passwords { by_user, mock_key: random_bytes(HASH_BYTES) })
    }

    /// What the exchange with `user` is checked against.
    fn secret(&self, user: &str) -> ScramSecret {
        let Verifier { iterations, salt, stored_key, server_key } = match self.by_user.get(user) {
            Some(verifier) => verifier.clone(),
            None => self.mock(user),
        };
        ScramSecret::Verifier { salt, iterations, stored_key, server_key }
    }

    /// A verifier that no password fits, with a salt that looks like any other user's.
    fn mock(&self, user: &str) -> Verifier {
        let mut salt = gen_salted_password(user, &self.mock_key, 1);
        salt.truncate(SALT_BYTES);
        let stored_key = random_bytes(HASH_BYTES);
        Verifier { iterations: SCRAM_ITERATIONS, salt, stored_key, server_key: random_bytes(HASH_BYTES) }
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("users", &self.by_user.keys()).finish_non_exhaustive()
    }
}

impl Verifier {
    fn of_password(password: &str) -> Verifier {
        let salt = random_bytes(SALT_BYTES);
        let salted = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        match ScramSecret::verifier_from_salted_password(salt, salted, SCRAM_ITERATIONS) {
            ScramSecret::Verifier { salt, iterations, stored_key, server_key } => {
                Verifier { iterations, salt, stored_key, server_key }
            }
            ScramSecret::SaltedPassword { .. } => unreachable!("verifier_from_salted_password returns a verifier"),
        }
    }

    /// `<iterations>:<salt>$<stored key>:<server key>`, the last three in base64.
    fn parse(fields: &str) -> Option<Verifier> {
        let (head, keys) = fields.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations = iterations.parse::<u32>().ok().filter(|count| *count > 0)? as usize;
        let decode = |text: &str| BASE64.decode(text.trim_end()).ok();
        let hash = |text: &str| decode(text).filter(|key| key.len() == HASH_BYTES);
        let salt = decode(salt).filter(|salt| !salt.is_empty())?;
        Some(Verifier { iterations, salt, stored_key: hash(stored_key)?, server_key: hash(server_key)? })
    }
}

/// Makes the client at `socket` prove that it knows the password of `user`: SASLInitialResponse, SASLContinue, SASLResponse, SASLFinal.
pub(super) async fn authenticate(
    socket: &mut Socket,
    interrupt: &mut Interrupt,
    passwords: &Passwords,
    user: &str,
) -> Attempt<()> {
    let offer = AuthenticationMessage::SASL(vec![MECHANISM.to_string()]);
    let (mechanism, first) = initial_response(exchange(socket, interrupt, offer).await?).map_err(Failure::Fatal)?;
    if mechanism != MECHANISM {
        return Err(Failure::Fatal(protocol_violation("client selected an invalid SASL authentication mechanism")));
    }
    let refuse = |error: PgWireError| Failure::Fatal(scram_error(&error, user));
    let (challenge, waiting) =
        ScramServerAuth::new().on_client_first_message_with_secret(&first, passwords.secret(user)).map_err(refuse)?;
    let last = exchange(socket, interrupt, AuthenticationMessage::SASLContinue(challenge.into())).await?;
    let proof = waiting.on_client_final_message(&last).map_err(refuse)?;
    let done = AuthenticationMessage::SASLFinal(proof.into());
    socket.put(&PgWireBackendMessage::Authentication(done)).map_err(Failure::Fatal)
}

/// Sends `message` and waits for the client's answer.
async fn exchange(socket: &mut Socket, interrupt: &mut Interrupt, message: AuthenticationMessage) -> Attempt<Bytes> {
    socket.put(&PgWireBackendMessage::Authentication(message)).map_err(Failure::Fatal)?;
    let answer = interrupt.guard_idle(async {
        socket.flush().await?;
        socket.frame().await
    });
    match answer.await?? {
        frame if frame.kind == b'p' => Ok(frame.body),
        frame => {
            Err(Failure::Fatal(protocol_violation(format!("expected SASL response, got message type {}", frame.kind))))
        }
    }
}

/// Mechanism and client-first message.
fn initial_response(body: Bytes) -> Result<(String, Bytes)> {
    let mut body = Body(body);
    let mechanism = body.text()?;
    let first = body.value()?.ok_or_else(|| protocol_violation("malformed SCRAM message"))?;
    body.end()?;
    Ok((mechanism, first))
}

/// The error that a client may know: a wrong password and an unknown user look the same.
fn scram_error(error: &PgWireError, user: &str) -> Error {
    match error {
        PgWireError::InvalidPassword(_) => {
            Error::new(code::INVALID_PASSWORD, format!("password authentication failed for user \"{user}\""))
        }
        error => protocol_violation("malformed SCRAM message").detail(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PostgreSQL's own verifier of the password `pencil` (RFC 7677's example: salt and iterations are the RFC's).
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn a_password_and_its_verifier_have_the_same_keys() {
        let parsed = Passwords::parse(&format!("# users\n\nann:{PENCIL}\nbob:a:b c \n")).unwrap();
        let ann = &parsed.by_user["ann"];
        let salted = gen_salted_password("pencil", &ann.salt, ann.iterations);
        let ScramSecret::Verifier { stored_key, server_key, .. } =
            ScramSecret::verifier_from_salted_password(ann.salt.clone(), salted, ann.iterations)
        else {
            panic!("not a verifier");
        };
        assert_eq!((&ann.stored_key, &ann.server_key), (&stored_key, &server_key));
        assert_eq!(parsed.by_user.len(), 2);
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, line) in [
            ("ann", 1),
            ("ann:x\n:y", 2),
            ("ann:x\nann:y", 2),
            ("#\nann:SCRAM-SHA-256$0:AAAA$A:B", 2),
            ("ann:SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", 1),
        ] {
            let error = Passwords::parse(text).unwrap_err();
            assert_eq!(error.code, "F0000");
            assert!(error.message.contains(&format!("line {line}:")), "{}", error.message);
        }
    }

    #[test]
    fn unknown_users_have_a_steady_salt() {
        let passwords = Passwords::parse("ann:secret").unwrap();
        let salt = |user| match passwords.secret(user) {
            ScramSecret::Verifier { salt, .. } => salt,
            ScramSecret::SaltedPassword { .. } => panic!("no verifier"),
        };
        assert_eq!(salt("eve"), salt("eve"));
        assert_ne!(salt("eve"), salt("mallory"));
        assert_eq!(salt("eve").len(), salt("ann").len());
    }

    /// The exchange of RFC 7677 §3 with the server's part replaced by a nonce of its own: a right proof passes, a wrong one is 28P01.
    #[test]
    fn malformed_and_wrong_proofs() {
        let passwords = Passwords::parse(&format!("user:{PENCIL}")).unwrap();
        let begin = || {
            ScramServerAuth::new()
                .on_client_first_message_with_secret(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", passwords.secret("user"))
                .unwrap()
        };
        let (challenge, waiting) = begin();
        assert!(challenge.contains("s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), "{challenge}");
        let error = waiting.on_client_final_message(b"c=biws").unwrap_err();
        assert_eq!(scram_error(&error, "user").code, "08P01");
        let nonce = challenge.split(',').next().unwrap();
        let wrong = format!("c=biws,{nonce},p={}", BASE64.encode([7; 32]));
        let error = waiting.on_client_final_message(wrong.as_bytes()).unwrap_err();
        let error = scram_error(&error, "user");
        assert_eq!((error.code, error.message.as_str()), ("28P01", "password authentication failed for user \"user\""));
    }
}
