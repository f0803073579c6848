use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Client, message, packet, query, startup};
use super::script::Scripted;
use crate::wire::{Authentication, Passwords, WireOptions, serve_backend};

#[tokio::test]
async fn encryption_is_refused_and_the_session_goes_on() {
    let scripted = Scripted::start().await;
    let mut stream = TcpStream::connect(scripted.server.address()).await.unwrap();
    for request in [80_877_103, 80_877_104] {
        stream.write_all(&packet(request, b"")).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'N');
    }
    stream.write_all(&startup(0x3_0000, &[("user", "ann")])).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'R');
}

#[tokio::test]
async fn clients_are_told_of_their_session() {
    let scripted = Scripted::start().await;
    let mut client = scripted.client().await;
    let told = |name: &str| client.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert!(told("server_version").unwrap().starts_with("15.0"));
    assert_eq!(told("integer_datetimes").as_deref(), Some("on"));
    assert_eq!(told("session_authorization").as_deref(), Some("ann"));
    assert_eq!(client.key.len(), 4);
    client.send(&query("set TimeZone Europe/Berlin")).await;
    let answers = client.receive_until('Z').await;
    assert_eq!(answers[1].text(), "TimeZone\0Europe/Berlin");
}

#[tokio::test]
async fn protocol_versions() {
    let scripted = Scripted::start().await;
    let address = scripted.server.address();
    let (client, ready) = Client::start(address, &startup(0x3_0002, &[("user", "ann")])).await;
    assert_eq!((ready.kind, client.key.len()), ('Z', 32));
    let (_, error) = Client::start(address, &startup(0x2_0000, &[("user", "ann")])).await;
    assert_eq!((error.code().as_str(), error.field(b'S').as_deref()), ("0A000", Some("FATAL")));
    // A newer client is told what is spoken here, and which of its options are not known.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&startup(0x3_270f, &[("user", "ann"), ("_pq_.x", "1")])).await.unwrap();
    let expected = message(b'v', &[&0x3_0002_i32.to_be_bytes()[..], &1_i32.to_be_bytes(), b"_pq_.x\0"].concat());
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn databases_and_settings() {
    let scripted = Scripted::start().await;
    let address = scripted.server.address();
    let start = async |parameters: &[(&str, &str)]| Client::start(address, &startup(0x3_0000, parameters)).await.1;
    assert_eq!(start(&[("user", "ann"), ("database", "tidewater")]).await.kind, 'Z');
    assert_eq!(start(&[("user", "ann"), ("database", "ann")]).await.kind, 'Z');
    assert_eq!(start(&[("user", "ann"), ("database", "shop")]).await.code(), "3D000");
    assert_eq!(start(&[("user", "ann"), ("wrong", "1")]).await.code(), "42704");
    assert_eq!(start(&[("user", "ann"), ("client_encoding", "'utf-8'")]).await.kind, 'Z');
    assert_eq!(start(&[("user", "ann"), ("client_encoding", "LATIN1")]).await.code(), "0A000");
    assert_eq!(start(&[("database", "tidewater")]).await.code(), "28000");
}

#[tokio::test]
async fn one_session_too_many_is_refused_but_can_still_cancel() {
    let mut scripted = Scripted::with(Authentication::Trust, 1).await;
    let mut client = scripted.client().await;
    let (_, error) = Client::start(scripted.server.address(), &startup(0x3_0000, &[("user", "ann")])).await;
    assert_eq!(error.code(), "53300");
    client.send(&query("live 1")).await;
    client.receive_until('D').await;
    client.cancel().await;
    assert_eq!(client.receive().await.code(), "57014");
    assert_eq!(scripted.dropped.recv().await.as_deref(), Some("live 1"));
}

#[tokio::test]
async fn first_bytes_that_are_no_start() {
    let scripted = Scripted::start().await;
    for bytes in [&b"\x16\x03\x01\x02\0\x01\0\x01"[..], b"\0\0\0\x04", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xff"] {
        let mut client = Client::start_raw(scripted.server.address(), bytes).await;
        assert_eq!(client.receive().await.code(), "08P01");
        assert_eq!(client.try_receive().await, None);
    }
}

#[tokio::test]
async fn broken_authentication_messages() {
    let passwords = Arc::new(Passwords::parse("ann:secret").unwrap());
    let scripted = Scripted::with(Authentication::Password(passwords), 20).await;
    let sasl = |mechanism: &str, first: &[u8]| {
        let length = (first.len() as i32).to_be_bytes();
        message(b'p', &[mechanism.as_bytes(), b"\0", &length, first].concat())
    };
    for bytes in [
        query("done OK"),
        message(b'p', b"secret\0"),
        message(b'p', b"SCRAM-SHA-256\0\xff\xff\xff\xff"),
        sasl("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc"),
        sasl("SCRAM-SHA-256", b"\xff\xff"),
        sasl("SCRAM-SHA-256", b"n,,n=ann"),
    ] {
        let mut client = Client::start_raw(scripted.server.address(), &startup(0x3_0000, &[("user", "ann")])).await;
        assert_eq!(client.receive().await.kind, 'R');
        client.send(&bytes).await;
        assert_eq!(client.receive().await.code(), "08P01");
        assert_eq!(client.try_receive().await, None);
    }
}

#[tokio::test]
async fn a_public_address_needs_passwords() {
    let options = WireOptions::new("0.0.0.0:0".parse().unwrap());
    let error = serve_backend(Arc::new(|_: &str, _| unreachable!()), options).await.err().unwrap();
    assert_eq!(error.code, "F0000");
    assert!(error.hint.is_some());
}
