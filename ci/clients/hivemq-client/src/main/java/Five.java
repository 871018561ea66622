import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5ClientBuilder;
import com.hivemq.client.mqtt.mqtt5.lifecycle.Mqtt5ClientConnectedContext;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** The client for MQTT 5. */
final class Five implements Device.Running {
    private final Mqtt5AsyncClient client;

    Five(MqttClientBuilder builder) {
        Mqtt5ClientBuilder versioned = builder.useMqttVersion5();
        if (Device.setting("WILL", "1").equals("1")) {
            versioned = versioned.willPublish(status("offline")); // given to connect() it would be in the first CONNECT only
        }
        client = versioned
                .addConnectedListener(c -> online(((Mqtt5ClientConnectedContext) c).getConnAck().isSessionPresent()))
                .buildAsync();
        client.publishes(MqttGlobalPublishFilter.ALL, this::received);
        Mqtt5ConnectBuilder connect = Mqtt5Connect.builder()
                .cleanStart(Device.setting("CLEAN_START", "0").equals("1"))
                .sessionExpiryInterval(Device.number("SESSION_EXPIRY", "300"))
                .keepAlive(Device.number("KEEP_ALIVE", "10"));
        client.connect(connect.build()).whenComplete(Device::report);
    }

    private static Mqtt5Publish status(String payload) {
        return Mqtt5Publish.builder().topic(Device.topic("status")).payload(payload.getBytes(StandardCharsets.UTF_8))
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

    private void received(Mqtt5Publish message) {
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
