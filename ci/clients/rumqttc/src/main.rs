//! A device built on rumqttc, for MQTT 3.1.1 and 5. ../README.md tells how devices behave.

mod five;
mod three;

use std::{env, time::Duration};

/// What a device is told by its environment.
pub struct Settings {
    pub host: String,
    pub port: u16,
    pub id: String,
    pub keep_alive: Duration,
    pub clean_start: bool,
    pub session_expiry: u32,
    pub will: bool,
    pub interval: Duration,
    pub tls: Option<Tls>,
}

/// The contents of PEM files.
#[derive(Clone)]
pub struct Tls {
    pub ca: Vec<u8>,
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Settings {
    pub fn topic(&self, leaf: &str) -> String {
        format!("device/{}/{leaf}", self.id)
    }
}

fn setting(name: &str, fallback: &str) -> String {
    env::var(format!("DEVICE_{name}")).ok().filter(|v| !v.is_empty()).unwrap_or(fallback.to_string())
}

fn number<T: std::str::FromStr>(name: &str, fallback: &str) -> T {
    setting(name, fallback).parse().unwrap_or_else(|_| panic!("DEVICE_{name} is no number"))
}

fn file(name: &str) -> Option<Vec<u8>> {
    let path = setting(name, "");
    (!path.is_empty()).then(|| std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}")))
}

#[tokio::main]
async fn main() {
    let tls = match setting("TRANSPORT", "tcp").as_str() {
        "tcp" => None,
        "tls" => Some(Tls { ca: file("CA").expect("DEVICE_CA"), client: file("CERT").zip(file("KEY")) }),
        other => panic!("this device speaks no {other}"),
    };
    let settings = Settings {
        host: setting("HOST", "127.0.0.1"),
        port: number("PORT", "1883"),
        id: setting("ID", "device-1"),
        keep_alive: Duration::from_secs(number("KEEP_ALIVE", "10")),
        clean_start: setting("CLEAN_START", "0") == "1",
        session_expiry: number("SESSION_EXPIRY", "300"),
        will: setting("WILL", "1") == "1",
        interval: Duration::from_secs_f64(number("INTERVAL", "5")),
        tls,
    };
    if setting("VERSION", "5") == "5" {
        five::run(settings).await
    } else {
        three::run(settings).await
    }
}

/// Returns when the process is asked to end.
pub async fn stopped() {
    use tokio::signal::unix::{signal, SignalKind};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT");
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
}
