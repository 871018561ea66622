import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.Mqtt3AsyncClient;
import com.hivemq.client.mqtt.mqtt3.Mqtt3ClientBuilder;
import com.hivemq.client.mqtt.mqtt3.lifecycle.Mqtt3ClientConnectedContext;
import com.hivemq.client.mqtt.mqtt3.message.connect.Mqtt3Connect;
import com.hivemq.client.mqtt.mqtt3.message.connect.Mqtt3ConnectBuilder;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** The client for MQTT 3.1.1. */
final class Three implements Device.Running {
    private final Mqtt3AsyncClient client;

    Three(MqttClientBuilder builder) {
        Mqtt3ClientBuilder versioned = builder.useMqttVersion3();
        if (Device.setting("WILL", "1").equals("1")) {
            versioned = versioned.willPublish(status("offline")); // given to connect() it would be in the first CONNECT only
        }
        client = versioned
                .addConnectedListener(c -> online(((Mqtt3ClientConnectedContext) c).getConnAck().isSessionPresent()))
                .buildAsync();
        client.publishes(MqttGlobalPublishFilter.ALL, this::received);
        Mqtt3ConnectBuilder connect = Mqtt3Connect.builder()
                .cleanSession(Device.setting("CLEAN_START", "0").equals("1"))
                .keepAlive(Device.number("KEEP_ALIVE", "10"));
        client.connect(connect.build()).whenComplete(Device::report);
    }

    private static Mqtt3Publish status(String payload) {
        return Mqtt3Publish.builder().topic(Device.topic("status")).payload(payload.getBytes(StandardCharsets.UTF_8))
                .qos(MqttQos.AT_LEAST_ONCE).retain(true).build();
    }

    private void online(boolean sessionPresent) {
        System.out.println("connected, session present " + sessionPresent);
        if (!sessionPresent) {
            client.subscribeWith()
                    .addSubscription().topicFilter(Device.topic("in")).qos(MqttQos.AT_LEAST_ONCE).applySubscription()
                    .addSubscription().topicFilter(Device.topic("in2")).qos(MqttQos.EXACTLY_ONCE).applySubscription()
                    .send().whenComplete(Device::report);
        }
        client.publish(status("online")).whenComplete(Device::report);
    }

    private void received(Mqtt3Publish message) {
        System.out.println("received " + message.getTopic() + " " + message.getPayloadAsBytes().length);
        client.publishWith().topic(Device.topic("echo")).payload(message.getPayloadAsBytes()).qos(message.getQos()).send()
                .whenComplete(Device::report);
    }

    @Override
    public boolean connected() {
        return Device.connected(client.getState());
    }

    @Override
    public void telemetry(int n) {
        for (MqttQos qos : MqttQos.values()) {
            byte[] payload = ("reading " + n + " at QoS " + qos.getCode()).getBytes(StandardCharsets.UTF_8);
            client.publishWith().topic(Device.topic("out")).payload(payload).qos(qos).send().whenComplete(Device::report);
        }
    }

    @Override
    public void end() throws Exception {
        client.publish(status("offline")).get(2, TimeUnit.SECONDS);
        client.disconnect().get(2, TimeUnit.SECONDS);
    }
}
