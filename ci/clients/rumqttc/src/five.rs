//! The client for MQTT 5.

use crate::{stopped, Settings};
use rumqttc::v5::mqttbytes::{
    v5::{ConnectProperties, Filter, LastWill, Packet},
    QoS,
};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use rumqttc::{Outgoing, Transport};
use std::time::Duration;
use tokio::time::sleep;

pub async fn run(settings: Settings) {
    let mut options = MqttOptions::new(&settings.id, &settings.host, settings.port);
    options.set_keep_alive(settings.keep_alive);
    options.set_clean_start(settings.clean_start);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(settings.session_expiry);
    options.set_connect_properties(properties);
    if settings.will {
        options.set_last_will(LastWill::new(settings.topic("status"), "offline", QoS::AtLeastOnce, true, None));
    }
    if let Some(tls) = settings.tls.clone() {
        options.set_transport(Transport::tls(tls.ca, tls.client, None));
    }
    let (client, mut connection) = AsyncClient::new(options, 100);
    let telemetry = tokio::spawn(telemetry(client.clone(), settings.topic("out"), settings.interval));
    tokio::spawn({
        let (client, status) = (client.clone(), settings.topic("status"));
        async move {
            stopped().await;
            telemetry.abort();
            let _ = client.publish(status, QoS::AtLeastOnce, true, "offline").await;
            let _ = client.disconnect().await;
            sleep(Duration::from_secs(3)).await; // where the connection is down nothing more comes
            std::process::exit(0);
        }
    });
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                println!("connected, session present {}", ack.session_present);
                if !ack.session_present {
                    let filters = [
                        Filter::new(settings.topic("in"), QoS::AtLeastOnce),
                        Filter::new(settings.topic("in2"), QoS::ExactlyOnce),
                    ];
                    let _ = client.try_subscribe_many(filters);
                }
                let _ = client.try_publish(settings.topic("status"), QoS::AtLeastOnce, true, "online");
            }
            Ok(Event::Incoming(Packet::Publish(p))) => {
                println!("received {} {}", String::from_utf8_lossy(&p.topic), p.payload.len());
                let _ = client.try_publish(settings.topic("echo"), p.qos, false, p.payload);
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) => break, // another poll would connect again
            Ok(_) => {}
            // The library connects again at the next poll; how long to wait before is the program's choice.
            Err(problem) => {
                println!("error: {problem}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn telemetry(client: AsyncClient, topic: String, interval: Duration) {
    for n in 0.. {
        sleep(interval).await;
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let _ = client.publish(&topic, qos, false, format!("reading {n} at QoS {}", qos as u8)).await;
        }
    }
}
